"""Who may do what: every role on every route of the app, on what is theirs and on what is not."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import Depends, FastAPI
from httpx2 import Response
from tests.factories import PASSWORD, House, Person, make_runtime, make_settings, replace_sqlite
from tests.fakes import FakeAssessor, FakeClock
from tests.routes import Declared, declared_routes

from bugflow.api.app import create_app
from bugflow.api.deps import May
from bugflow.domain.accounts import PERMISSIONS, Action, Role, Scope
from bugflow.domain.predictions import Task
from bugflow.domain.registry import Trigger
from bugflow.services import registry, retraining

TEAM_OF = {Role.TESTER: None, Role.DEVELOPER: "Backend", Role.PM: None}


@dataclass
class Scene:
    """Things that are the person's own, or all someone else's."""

    person: Person
    bug_id: int
    comment_id: int
    attachment_id: int
    root_id: int
    other_id: int
    user_id: int
    refresh_token: str
    run_id: int
    channel_id: int


def set_scene(house: House, who: str, *, own: bool) -> Scene:
    other = house.person("other", Role.DEVELOPER, team="Mobile")
    pm = house.person("boss", Role.PM, is_admin=True)
    role = Role.TESTER if who == "anonymous" else Role(who)
    person = house.person("me", role, team=TEAM_OF[role], is_admin=role is Role.PM)
    author = person if own else other
    bug_id = author.report(team="Mobile")["id"]
    comment_id = author.post(f"/api/v1/bugs/{bug_id}/comments", json={"text": "Seen"}).json()["id"]
    files = {"file": ("a.log", b"line\n")}
    attachment_id = author.post(f"/api/v1/bugs/{bug_id}/attachments", files=files).json()["id"]
    root_id, other_id = pm.report()["id"], pm.report()["id"]
    assert pm.post(f"/api/v1/bugs/{bug_id}/duplicates", json={"duplicate_of": root_id}).status_code == 201
    assert pm.post("/api/v1/feedback/pins", json={"bug_id": bug_id, "task": "team"}).status_code == 201
    pair = house.client.post("/token", json={"username": "me", "password": PASSWORD}).json()
    user_id = person.id if own else pm.id
    asking = house.nobody if who == "anonymous" else person
    run_id = set_models(house)
    address = {"address": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"}
    keeper, channel = (person, address) if own else (pm, {**address, "team": "Mobile"})
    channel_id = keeper.post("/api/v1/channels", json=channel).json()["id"]
    token = pair["refresh_token"]
    return Scene(asking, bug_id, comment_id, attachment_id, root_id, other_id, user_id, token, run_id, channel_id)


def set_models(house: House) -> int:
    """The shipped model of teams answered once, another one does now, on probation; one of severities was trained.

    A retraining waits, this is its id.
    """
    runtime, now = house.runtime, house.clock.now
    with runtime.database.write() as session:
        for task in Task:
            name, base = f"{task.value}-3", registry.adopt_first(session, runtime.shelf, task, now=now).name
            (runtime.shelf.own / name).mkdir(parents=True, exist_ok=True)
            registry.register(
                session, name, task, base=base, run_id=None, shelf=runtime.shelf, up_to=0, figures={}, now=now
            )
        registry.promote(session, runtime.shelf, "team-3", actor=None, reason="A test", now=now)
        return retraining.request_retraining(session, Trigger.MANUAL, actor=None, now=now).id


REQUESTS: dict[str, Callable[[Scene], dict[str, Any]]] = {
    "POST /token": lambda _: {"json": {"username": "me", "password": PASSWORD}},
    "POST /predict": lambda _: {"json": {"description": "It crashes"}},
    "POST /report_bug": lambda _: {"json": {"description": "It crashes", "project": "Shop"}},
    "POST /update_bug": lambda s: {"json": {"bug_id": s.bug_id, "status": "in_progress"}},
    "GET /livez": lambda _: {},
    "GET /readyz": lambda _: {},
    "GET /metrics": lambda _: {},
    "POST /api/v1/auth/refresh": lambda s: {"json": {"refresh_token": s.refresh_token}},
    "POST /api/v1/auth/logout": lambda _: {},
    "POST /api/v1/auth/password": lambda _: {"json": {"old_password": PASSWORD, "new_password": "another horse"}},
    "GET /api/v1/me": lambda _: {},
    "PATCH /api/v1/me": lambda _: {"json": {"display_name": "Me"}},
    "GET /api/v1/users": lambda _: {},
    "POST /api/v1/users": lambda _: {"json": {"username": "new", "password": PASSWORD, "role": "tester"}},
    "GET /api/v1/users/{user_id}": lambda _: {},
    "PATCH /api/v1/users/{user_id}": lambda _: {"json": {"display_name": "You"}},
    "DELETE /api/v1/users/{user_id}": lambda _: {},
    "GET /api/v1/bugs": lambda _: {},
    "GET /api/v1/bugs/{bug_id}": lambda _: {},
    "PATCH /api/v1/bugs/{bug_id}": lambda _: {"json": {"title": "Better"}},
    "GET /api/v1/bugs/{bug_id}/events": lambda _: {},
    "GET /api/v1/bugs/{bug_id}/explanation": lambda _: {},
    "POST /api/v1/duplicates/search": lambda _: {"json": {"description": "It crashes"}},
    "GET /api/v1/bugs/{bug_id}/duplicates": lambda _: {},
    "POST /api/v1/bugs/{bug_id}/duplicates": lambda s: {"json": {"duplicate_of": s.root_id}},
    "POST /api/v1/bugs/{bug_id}/duplicates/dismissed": lambda s: {"json": {"other_id": s.other_id}},
    "DELETE /api/v1/bugs/{bug_id}/duplicates/{other_id}": lambda _: {},
    "PUT /api/v1/bugs/{bug_id}/followers/me": lambda _: {},
    "DELETE /api/v1/bugs/{bug_id}/followers/me": lambda _: {},
    "GET /api/v1/bugs/{bug_id}/comments": lambda _: {},
    "POST /api/v1/bugs/{bug_id}/comments": lambda _: {"json": {"text": "Me too"}},
    "PATCH /api/v1/bugs/{bug_id}/comments/{comment_id}": lambda _: {"json": {"text": "Me three"}},
    "DELETE /api/v1/bugs/{bug_id}/comments/{comment_id}": lambda _: {},
    "GET /api/v1/bugs/{bug_id}/attachments": lambda _: {},
    "POST /api/v1/bugs/{bug_id}/attachments": lambda _: {"files": {"file": ("b.log", b"line\n")}},
    "GET /api/v1/bugs/{bug_id}/attachments/{attachment_id}/content": lambda _: {},
    "DELETE /api/v1/bugs/{bug_id}/attachments/{attachment_id}": lambda _: {},
    "GET /api/v1/teams": lambda _: {},
    "POST /api/v1/teams": lambda _: {"json": {"name": "Data"}},
    "PATCH /api/v1/teams/{team_id}": lambda _: {"json": {"description": "Pages"}},
    "GET /api/v1/projects": lambda _: {},
    "POST /api/v1/projects": lambda _: {"json": {"name": "App"}},
    "PATCH /api/v1/projects/{project_id}": lambda _: {"json": {"description": "The shop"}},
    "GET /api/v1/notifications": lambda _: {},
    "GET /api/v1/notifications/count": lambda _: {},
    "POST /api/v1/notifications/read": lambda _: {"json": {}},
    "GET /api/v1/channels": lambda _: {},
    "POST /api/v1/channels": lambda _: {"json": {"address": "mmosts://chat.example.com/abcdefghijklmnop"}},
    "PATCH /api/v1/channels/{channel_id}": lambda _: {"json": {"rhythm": "daily"}},
    "DELETE /api/v1/channels/{channel_id}": lambda _: {},
    "POST /api/v1/channels/{channel_id}/test": lambda _: {},
    "GET /api/v1/feedback": lambda _: {},
    "POST /api/v1/feedback": lambda s: {"json": {"bug_id": s.bug_id, "task": "severity", "label": "low"}},
    "GET /api/v1/feedback/contradictions": lambda _: {},
    "GET /api/v1/feedback/queue": lambda _: {},
    "GET /api/v1/feedback/pins": lambda _: {},
    "POST /api/v1/feedback/pins": lambda s: {"json": {"bug_id": s.bug_id, "task": "severity"}},
    "DELETE /api/v1/feedback/pins/{bug_id}/{task}": lambda _: {},
    "GET /api/v1/models": lambda _: {},
    "GET /api/v1/models/{name}": lambda _: {},
    "GET /api/v1/models/{name}/card": lambda _: {},
    "POST /api/v1/models/{name}/promote": lambda _: {"json": {"reason": "It was better"}},
    "POST /api/v1/models/rollback": lambda _: {"json": {"task": "team", "reason": "It was better"}},
    "GET /api/v1/retraining": lambda _: {},
    "POST /api/v1/retraining": lambda _: {},
    "GET /api/v1/retraining/{run_id}": lambda _: {},
    "POST /api/v1/retraining/{run_id}/cancel": lambda _: {},
    "GET /api/v1/experiments": lambda _: {},
    "POST /api/v1/experiments": lambda _: {"json": {"challenger": "severity-3", "kind": "ab", "reason": "A test"}},
    "GET /api/v1/experiments/{experiment_id}": lambda _: {},
    "POST /api/v1/experiments/{experiment_id}/stop": lambda _: {"json": {"reason": "A test"}},
    "GET /api/v1/promise": lambda _: {},
    "PUT /api/v1/promise": lambda _: {"json": {"task": "team", "promise": 0.95}},
    "GET /api/v1/stats/overview": lambda _: {},
    "GET /api/v1/stats/severity": lambda _: {},
    "GET /api/v1/stats/teams": lambda _: {},
    "GET /api/v1/stats/accuracy": lambda _: {},
    "GET /api/v1/stats/feedback": lambda _: {},
    "GET /api/v1/stats/triage": lambda _: {},
    "GET /api/v1/stats/trends": lambda _: {},
    "GET /api/v1/stats/acceptance": lambda _: {},
    "GET /api/v1/stats/health": lambda _: {},
    "GET /api/v1/audit": lambda _: {},
    "GET /api/v1/audit/verify": lambda _: {},
}
"""A request that succeeds for whoever may make it."""


def _routes() -> list[Declared]:
    with tempfile.TemporaryDirectory() as folder:
        runtime = make_runtime(make_settings(Path(folder)), assessor=FakeAssessor(), clock=FakeClock())
        return declared_routes(create_app(runtime))


ROUTES = _routes()


def ask(scene: Scene, route: Declared) -> Response:
    path = route.path.format(
        bug_id=scene.bug_id,
        comment_id=scene.comment_id,
        attachment_id=scene.attachment_id,
        other_id=scene.root_id,
        user_id=scene.user_id,
        team_id=2,
        project_id=1,
        run_id=scene.run_id,
        experiment_id=1,
        channel_id=scene.channel_id,
        name="team-1",
        task="team",
    )
    return scene.person.request(route.method, path, **REQUESTS[str(route)](scene))


def test_every_route_has_a_request_here_and_every_request_a_route() -> None:
    assert sorted(map(str, ROUTES)) == sorted(REQUESTS)


Scenes = Callable[[str, bool], Scene]


@pytest.fixture(scope="module")
def _pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, bool], tuple[Path, Scene]]:
    return {}


@pytest.fixture
def scenes(
    house: House, _pictures: dict[tuple[str, bool], tuple[Path, Scene]], tmp_path_factory: pytest.TempPathFactory
) -> Scenes:
    """Set a scene; the second time from a picture of the first."""
    engine = house.runtime.database.engine
    place = Path(engine.url.database or "")

    def scene_of(who: str, own: bool) -> Scene:
        if (who, own) not in _pictures:
            scene = set_scene(house, who, own=own)
            engine.dispose()
            picture = tmp_path_factory.mktemp("scene") / "bugflow.db"
            shutil.copyfile(place, picture)
            _pictures[who, own] = (picture, scene)
        picture, scene = _pictures[who, own]
        engine.dispose()
        replace_sqlite(picture, place)
        return scene

    return scene_of


@pytest.mark.parametrize("own", [True, False], ids=["own", "others"])
@pytest.mark.parametrize("who", ["tester", "developer", "pm", "anonymous"])
@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_a_route_lets_pass_whom_the_table_names(scenes: Scenes, route: Declared, who: str, own: bool) -> None:
    answer = ask(scenes(who, own), route)
    if route.action is None:
        assert answer.status_code == 200, answer.text
    elif who == "anonymous":
        assert (answer.status_code, answer.json()["code"]) == (401, "NotSignedIn")
    else:
        scope = PERMISSIONS[route.action][Role(who)]
        if scope is Scope.ALL or (scope is Scope.OWN and own):
            assert answer.status_code in {200, 201, 202, 204}, answer.text
        else:
            assert (answer.status_code, answer.json()["code"]) == (403, "Forbidden")


def test_the_table_speaks_of_every_action_and_role() -> None:
    assert set(PERMISSIONS) == set(Action)
    assert all(set(scopes) == set(Role) for scopes in PERMISSIONS.values())


def test_every_action_guards_something() -> None:
    by_field = {Action.ASSIGN_BUG}  # demanded by the service for one field of a body
    assert {route.action for route in ROUTES} - {None} == set(Action) - by_field


def test_a_route_that_declares_nothing_is_found() -> None:
    app = FastAPI()
    app.get("/open")(lambda: None)
    with pytest.raises(LookupError, match="/open declares 0"):
        declared_routes(app)
    app = FastAPI()
    app.get("/x", dependencies=[Depends(May(Action.READ)), Depends(May(Action.REPORT))])(lambda: None)
    with pytest.raises(LookupError, match="/x declares 2"):
        declared_routes(app)


FIELDS = {
    "title": ("New", Action.EDIT_BUG),
    "description": ("New words", Action.EDIT_BUG),
    "project": ("App", Action.EDIT_BUG),
    "status": ("in_progress", Action.MOVE_BUG),
    "severity": ("low", Action.CORRECT),
    "team": ("Frontend", Action.CORRECT),
    "assigned_to_id": (None, Action.ASSIGN_BUG),
}


@pytest.mark.parametrize("own", [True, False], ids=["own", "others"])
@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("field", FIELDS)
def test_each_field_of_a_bug_needs_its_own_permission(
    house: House, scenes: Scenes, field: str, role: Role, own: bool
) -> None:
    scene = scenes(role, own)
    value, action = FIELDS[field]
    answer = scene.person.patch(f"/api/v1/bugs/{scene.bug_id}", json={field: value})
    scope = PERMISSIONS[action][role]
    allowed = scope is Scope.ALL or (scope is Scope.OWN and own)
    assert answer.status_code == (200 if allowed else 403), answer.text
    if not allowed:
        assert house.person("reader").bug(scene.bug_id)["version"] == 4  # reported, commented, attached, linked


@pytest.mark.parametrize("body", [{}, {"reason": "because"}], ids=["nothing", "reason-only"])
def test_nothing_is_not_allowed_either_on_what_is_not_yours(scenes: Scenes, body: dict[str, str]) -> None:
    scene = scenes("tester", False)
    assert scene.person.patch(f"/api/v1/bugs/{scene.bug_id}", json=body).status_code == 403
    assert scene.person.bug(scene.bug_id)["version"] == 4


def test_a_pm_without_the_administrators_right_manages_no_accounts(house: House) -> None:
    pm, ann = house.person("pia", Role.PM), house.person("ann")
    new = {"username": "new", "password": PASSWORD, "role": "tester"}
    answers = [
        pm.post("/api/v1/users", json=new),
        pm.patch(f"/api/v1/users/{ann.id}", json={"role": "pm"}),
        pm.delete(f"/api/v1/users/{ann.id}"),
    ]
    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert "administrator" in answers[0].json()["detail"]


class TestWhatIsADevelopersOwn:
    @pytest.fixture
    def dev(self, house: House) -> Person:
        return house.person("dev", Role.DEVELOPER, team="Mobile")

    def moves(self, dev: Person, bug_id: int) -> bool:
        answer = dev.post("/update_bug", json={"bug_id": bug_id, "status": "in_progress"})
        assert answer.status_code in {200, 403}
        assert bool(dev.bug(bug_id)["moves"]) is (answer.status_code == 200)  # the page offers what is allowed
        return answer.status_code == 200

    def test_a_bug_of_their_team(self, house: House, dev: Person) -> None:
        assert self.moves(dev, house.person("ann").report(team="Mobile")["id"])

    def test_a_bug_assigned_to_them(self, house: House, dev: Person) -> None:
        assert self.moves(dev, house.person("ann").report(team="DevOps", assigned_to_id=dev.id)["id"])

    def test_a_bug_they_reported(self, dev: Person) -> None:
        assert self.moves(dev, dev.report(team="DevOps")["id"])

    def test_nothing_else(self, house: House, dev: Person) -> None:
        assert not self.moves(dev, house.person("ann").report(team="DevOps")["id"])

    def test_without_a_team_not_the_bugs_of_any(self, house: House) -> None:
        assert not self.moves(house.person("solo", Role.DEVELOPER), house.person("ann").report()["id"])


def test_a_tester_changes_what_they_reported_only_while_it_is_open(house: House) -> None:
    ann, pm = house.person("ann"), house.person("pia", Role.PM)
    bug_id = ann.report()["id"]
    assert ann.patch(f"/api/v1/bugs/{bug_id}", json={"title": "Clearer"}).status_code == 200
    pm.post("/update_bug", json={"bug_id": bug_id, "status": "in_progress"})
    answer = ann.patch(f"/api/v1/bugs/{bug_id}", json={"title": "Too late"})
    assert answer.status_code == 403
    assert not ann.bug(bug_id)["may_edit"]


def test_a_developer_who_corrects_a_prediction_changes_nothing(house: House) -> None:
    dev = house.person("dev", Role.DEVELOPER, team="Backend")
    bug_id = dev.report()["id"]
    body = {"bug_id": bug_id, "status": "in_progress", "correction_severity": "critical"}
    assert dev.post("/update_bug", json=body).status_code == 403
    bug = dev.bug(bug_id)
    assert (bug["status"], bug["severity"], bug["version"]) == ("open", "medium", 1)
