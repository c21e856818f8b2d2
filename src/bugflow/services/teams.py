"""Teams and projects: the same verbs for both."""

from datetime import datetime
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.db.queries import find_by_name, insert_new, one_at_a_time
from bugflow.db.tables import Project, Team
from bugflow.domain.accounts import Actor
from bugflow.domain.audit import AuditAction
from bugflow.errors import AlreadyExists, InUse, NotFound, UnknownReference
from bugflow.schemas.teams import TagCreate, TagPatch
from bugflow.services import audit

Tag = TypeVar("Tag", Team, Project)

_CREATED = {Team: AuditAction.TEAM_CREATED, Project: AuditAction.PROJECT_CREATED}
_CHANGED = {Team: AuditAction.TEAM_CHANGED, Project: AuditAction.PROJECT_CHANGED}


def list_tags(session: Session, kind: type[Tag]) -> list[Tag]:
    """All teams or projects, by name, retired ones too."""
    return list(session.scalars(select(kind).order_by(kind.name)))


def active_team_names(session: Session) -> list[str]:
    """The labels that the team prediction may give, in order of creation."""
    return list(session.scalars(select(Team.name).where(Team.is_active).order_by(Team.id)))


def create_tag(session: Session, kind: type[Tag], *, actor: Actor, body: TagCreate, now: datetime) -> Tag:
    """Add a team or project.

    Raises:
        AlreadyExists: One of that name exists, whatever the case.
    """
    name = body.name.strip()
    one_at_a_time(session, kind)
    if find_by_name(session, kind, name):
        raise AlreadyExists(what=kind.__tablename__, key=name)
    tag = kind(name=name, description=body.description, is_active=True, created_at=now)
    session.add(tag)
    session.flush()
    audit.record(session, _CREATED[kind], actor_id=actor.id, subject=f"{kind.__tablename__}:{tag.id}", now=now)
    return tag


def change_tag(session: Session, kind: type[Tag], tag_id: int, *, actor: Actor, body: TagPatch, now: datetime) -> Tag:
    """Rename, describe, retire or bring back a team or project.

    Raises:
        NotFound: There is none of that id.
        AlreadyExists: Another one has the new name.
        InUse: The last active team cannot be retired: bugs would have nowhere to go.
    """
    one_at_a_time(session, kind)
    tag = session.get(kind, tag_id, with_for_update=True)
    if tag is None:
        raise NotFound(what=kind.__tablename__, key=tag_id)
    if body.name is not None:
        name = body.name.strip()
        other = find_by_name(session, kind, name)
        if other is not None and other.id != tag.id:
            raise AlreadyExists(what=kind.__tablename__, key=name)
        tag.name = name
    if body.description is not None:
        tag.description = body.description
    if body.is_active is not None:
        if kind is Team and tag.is_active and not body.is_active and len(active_team_names(session)) == 1:
            raise InUse(what="team", key=tag.name, reason="it is the last active one; add another team first.")
        tag.is_active = body.is_active
    changed = sorted(body.model_fields_set)
    audit.record(
        session, _CHANGED[kind], actor_id=actor.id, subject=f"{kind.__tablename__}:{tag.id}", now=now, fields=changed
    )
    return tag


def get_team(session: Session, name: str, *, field: str = "team") -> Team:
    """The active team of that name.

    Raises:
        UnknownReference: There is none; `field` says where the name stood.
    """
    team = find_by_name(session, Team, name.strip())
    if team is None or not team.is_active:
        raise UnknownReference(field=field, what="team", key=name)
    return team


def get_or_create_project(session: Session, name: str, *, now: datetime) -> Project:
    """The project of that name; a project is a tag, made when it is first named.

    Raises:
        UnknownReference: The project was retired.
    """
    name = " ".join(name.split())
    project = find_by_name(session, Project, name)
    if project is None:
        one_at_a_time(session, Project)  # also "webapp" and "WebApp" are made once
        project = find_by_name(session, Project, name)
    if project is None:
        insert_new(session, Project, {"name": name, "description": "", "is_active": True, "created_at": now})
        project = session.scalars(select(Project).where(Project.name == name)).one()
    if not project.is_active:
        raise UnknownReference(field="project", what="project", key=name)
    return project
