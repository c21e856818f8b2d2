"""People: creating, changing, erasing them."""

import secrets
from datetime import datetime

from pwdlib import PasswordHash
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, joinedload

from bugflow.db.queries import one_at_a_time, page_of
from bugflow.db.tables import Notification, SignIn, User
from bugflow.domain.accounts import Actor, Role, check_password, demand_administrator, normalise_username
from bugflow.domain.audit import AuditAction
from bugflow.errors import AlreadyExists, InUse, NotFound
from bugflow.schemas.accounts import Me, MePatch, Preferences, UserCreate, UserPage, UserPatch, UserRead
from bugflow.services import audit, channels, notifications, teams


def get_user(session: Session, user_id: int) -> User:
    """A person with their team.

    Raises:
        NotFound: There is none of that id.
    """
    user = session.scalar(select(User).where(User.id == user_id).options(joinedload(User.team)))
    if user is None:
        raise NotFound(what="user", key=user_id)
    return user


def list_users(session: Session, *, cursor: str | None, limit: int, active: bool | None = None) -> UserPage:
    """People in the order they were created; erased ones are left out."""
    query = select(User).where(User.erased_at.is_(None))
    if active is not None:
        query = query.where(User.is_active == active)
    load = [joinedload(User.team)]
    rows, next_cursor = page_of(
        session, query, load=load, key=None, identity=User.id, sort="id", cursor=cursor, limit=limit
    )
    return UserPage(items=[UserRead.model_validate(row) for row in rows], next_cursor=next_cursor)


def create_user(
    session: Session, passwords: PasswordHash, *, actor: Actor | None, body: UserCreate, now: datetime
) -> User:
    """Add a person.

    Args:
        actor: An administrator; None for the command line, whose user owns the data anyway.

    Raises:
        Forbidden, InvalidUsername, WeakPassword, AlreadyExists, UnknownReference: See their messages.
    """
    if actor is not None:
        demand_administrator(actor)
    username = normalise_username(body.username)
    check_password(body.password)
    password_hash = passwords.hash(body.password)  # before the first statement: hashing must not hold a lock
    one_at_a_time(session, User)
    if session.scalar(select(User.id).where(User.username == username)):
        raise AlreadyExists(what="user", key=username)
    team = teams.get_team(session, body.team) if body.team is not None else None
    user = User(
        username=username,
        display_name=(body.display_name or body.username).strip(),
        email=body.email,
        role=body.role,
        is_admin=body.is_admin and body.role is Role.PM,
        is_active=True,
        team=team,
        password_hash=password_hash,
        preferences={},
        created_at=now,
    )
    session.add(user)
    session.flush()
    audit.record(
        session,
        AuditAction.USER_CREATED,
        actor_id=actor.id if actor else None,
        subject=f"user:{user.id}",
        now=now,
        role=user.role,
        is_admin=user.is_admin,
    )
    return user


def change_user(
    session: Session, passwords: PasswordHash, user_id: int, *, actor: Actor, body: UserPatch, now: datetime
) -> User:
    """Change a person's role, team, rights or password. Losing the account or its password signs them out everywhere.

    Raises:
        Forbidden: The actor is not an administrator.
        InUse: The last administrator would be lost.
    """
    demand_administrator(actor)
    new_hash = None
    if body.password is not None:
        check_password(body.password)
        new_hash = passwords.hash(body.password)  # before the first statement: hashing must not hold a lock
    one_at_a_time(session, User)  # or two administrators could send each other away
    user = _present(session, user_id)
    sent = body.model_fields_set
    if "team" in sent:
        user.team = teams.get_team(session, body.team) if body.team is not None else None
    if body.display_name is not None:
        user.display_name = body.display_name.strip()
    if "email" in sent:
        user.email = body.email
    if body.role is not None:
        user.role = body.role
    if body.is_admin is not None:
        user.is_admin = body.is_admin
    user.is_admin = user.is_admin and user.role is Role.PM
    if body.is_active is not None:
        user.is_active = body.is_active
    if new_hash is not None:
        user.password_hash = new_hash
    if not user.is_active or new_hash is not None:
        end_sign_ins(session, user.id, now=now)
    session.flush()
    _keep_an_administrator(session, user)
    audit.record(
        session, AuditAction.USER_CHANGED, actor_id=actor.id, subject=f"user:{user.id}", now=now, fields=sorted(sent)
    )
    return user


def erase_user(session: Session, user_id: int, *, actor: Actor, now: datetime) -> None:
    """Forget a person: name, address and password go, their bugs and comments stay, as "Erased user".

    Raises:
        Forbidden: The actor is not an administrator.
        InUse: It is the last administrator.
    """
    demand_administrator(actor)
    one_at_a_time(session, User)
    user = _present(session, user_id)
    user.is_active = user.is_admin = False
    session.flush()
    _keep_an_administrator(session, user)
    user.username = f"erased-{user.id}-{secrets.token_hex(4)}"
    user.display_name = "Erased user"
    user.email = user.locale = user.team = None
    user.password_hash = "!"  # noqa: S105 - no hash: nothing verifies against it
    user.preferences = {}
    user.erased_at = now
    channels.remove_channels_of(session, user.id)
    end_sign_ins(session, user.id, now=now)
    session.execute(update(Notification).where(Notification.user_id == user.id).values(read_at=now))
    audit.record(session, AuditAction.USER_ERASED, actor_id=actor.id, subject=f"user:{user.id}", now=now)


def end_sign_ins(session: Session, user_id: int, *, now: datetime) -> None:
    session.execute(update(SignIn).where(SignIn.user_id == user_id, SignIn.ended_at.is_(None)).values(ended_at=now))


def _present(session: Session, user_id: int) -> User:
    user = get_user(session, user_id)
    if user.erased_at is not None:
        raise NotFound(what="user", key=user_id)
    return user


def _keep_an_administrator(session: Session, changed: User) -> None:
    query = select(func.count()).select_from(User).where(User.is_admin, User.is_active)
    if not session.scalar(query):
        raise InUse(what="administrator", key=changed.username, reason="no other one is left. Name another one first.")


def has_administrator(session: Session) -> bool:
    return session.scalar(select(User.id).where(User.is_admin, User.is_active).limit(1)) is not None


def get_me(session: Session, actor: Actor) -> Me:
    """The signed-in person, with their settings and how much they have not read."""
    user = get_user(session, actor.id)
    return Me(
        id=user.id,
        username=user.username,
        display_name=user.display_name,
        role=user.role,
        is_admin=user.is_admin,
        is_active=user.is_active,
        team=user.team.name if user.team else None,
        email=user.email,
        locale=user.locale,
        preferences=Preferences.model_validate(user.preferences),
        n_unread=notifications.count_unread(session, actor),
        created_at=user.created_at,
    )


def change_me(session: Session, actor: Actor, *, body: MePatch, now: datetime) -> Me:
    """Change the signed-in person's own settings."""
    user = get_user(session, actor.id)
    sent = body.model_fields_set
    if body.display_name is not None:
        user.display_name = body.display_name.strip()
    if "email" in sent:
        user.email = body.email
    if "locale" in sent:
        user.locale = body.locale
    if body.preferences is not None:
        user.preferences = body.preferences.model_dump()
    session.flush()
    audit.record(
        session, AuditAction.USER_CHANGED, actor_id=actor.id, subject=f"user:{user.id}", now=now, fields=sorted(sent)
    )
    return get_me(session, actor)
