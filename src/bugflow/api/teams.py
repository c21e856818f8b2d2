"""Teams and projects over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, status

from bugflow.api.deps import May, Now, Reader, ReadSession, RowId, WriteSession
from bugflow.db.tables import Project, Team
from bugflow.domain.accounts import Action, Actor
from bugflow.schemas.teams import TagCreate, TagPatch, TagRead
from bugflow.services import teams

v1 = APIRouter()

TeamManager = Annotated[Actor, Depends(May(Action.MANAGE_TEAMS))]
ProjectManager = Annotated[Actor, Depends(May(Action.MANAGE_PROJECTS))]


@v1.get("/teams", tags=["teams"], response_model=list[TagRead])
def list_teams(_actor: Reader, session: ReadSession) -> list[Team]:
    return teams.list_tags(session, Team)


@v1.post("/teams", tags=["teams"], status_code=status.HTTP_201_CREATED, response_model=TagRead)
def create_team(body: TagCreate, actor: TeamManager, session: WriteSession, now: Now) -> Team:
    return teams.create_tag(session, Team, actor=actor, body=body, now=now)


@v1.patch("/teams/{team_id}", tags=["teams"], response_model=TagRead)
def change_team(team_id: RowId, body: TagPatch, actor: TeamManager, session: WriteSession, now: Now) -> Team:
    return teams.change_tag(session, Team, team_id, actor=actor, body=body, now=now)


@v1.get("/projects", tags=["projects"], response_model=list[TagRead])
def list_projects(_actor: Reader, session: ReadSession) -> list[Project]:
    return teams.list_tags(session, Project)


@v1.post("/projects", tags=["projects"], status_code=status.HTTP_201_CREATED, response_model=TagRead)
def create_project(body: TagCreate, actor: ProjectManager, session: WriteSession, now: Now) -> Project:
    return teams.create_tag(session, Project, actor=actor, body=body, now=now)


@v1.patch("/projects/{project_id}", tags=["projects"], response_model=TagRead)
def change_project(
    project_id: RowId, body: TagPatch, actor: ProjectManager, session: WriteSession, now: Now
) -> Project:
    return teams.change_tag(session, Project, project_id, actor=actor, body=body, now=now)
