"""The never-regress set: pinned by PMs, held to what people say, kept for ever."""

from typing import Any

import pytest
from tests.conftest import BOTH
from tests.factories import House, Person

from bugflow.domain.accounts import Role
from bugflow.domain.predictions import Task
from bugflow.services import pins
from bugflow.services.training.lessons import find_lessons

both = pytest.mark.parametrize("kind", BOTH)
PINS = "/api/v1/feedback/pins"


@pytest.fixture
def pia(house: House) -> Person:
    return house.person("pia", Role.PM)


def pin(person: Person, bug_id: int, task: str = "team", **given: Any) -> Any:
    return person.post(PINS, json={"bug_id": bug_id, "task": task, **given})


def pinned(person: Person) -> list[tuple[int, str, str]]:
    return [(one["bug_id"], one["task"], one["label"]) for one in person.get(PINS).json()["items"]]


@both
def test_a_pinned_bug_is_listed_with_what_people_call_it_now_who_pinned_it_and_why(pia: Person) -> None:
    bug_id = pia.report("The export fails")["id"]
    pia.post("/api/v1/feedback", json={"bug_id": bug_id, "task": "team", "label": "Mobile"})
    answer = pin(pia, bug_id, reason="It went wrong twice")
    assert answer.status_code == 201, answer.text
    one = answer.json()
    assert (one["label"], one["reason"], one["actor"]["username"]) == ("Mobile", "It went wrong twice", "pia")
    assert pia.bug(bug_id)["pinned"] == ["team"]
    pia.post("/api/v1/feedback", json={"bug_id": bug_id, "task": "team", "label": "DevOps"})
    assert pinned(pia) == [(bug_id, "team", "DevOps")]
    actions = [entry["action"] for entry in pia.get("/api/v1/audit").json()["items"]]
    assert "bug.pinned" in actions


def test_pinning_what_the_machine_said_confirms_it(pia: Person) -> None:
    bug_id = pia.report()["id"]
    assert pin(pia, bug_id, "severity").json()["label"] == "medium"
    said = pia.get("/api/v1/feedback", params={"bug_id": bug_id}).json()["items"]
    assert [(one["task"], one["kind"]) for one in said] == [("severity", "confirmation")]
    assert pia.bug(bug_id)["severity_set_by"] == "person"


def test_pinning_what_a_person_said_says_nothing_new(pia: Person) -> None:
    bug_id = pia.report(team="DevOps")["id"]
    assert pin(pia, bug_id).json()["label"] == "DevOps"
    said = pia.get("/api/v1/feedback", params={"bug_id": bug_id}).json()["items"]
    assert [one["kind"] for one in said] == ["override"]


@both
def test_a_pin_that_was_taken_away_can_be_set_again_and_is_never_there_twice(pia: Person) -> None:
    bug_id, other = pia.report()["id"], pia.report()["id"]
    for task in ("team", "severity"):
        assert pin(pia, bug_id, task).status_code == 201
    pin(pia, other)
    twice = pin(pia, bug_id)
    assert (twice.status_code, twice.json()["code"]) == (409, "AlreadyPinned")
    assert pinned(pia) == [(other, "team", "Backend"), (bug_id, "severity", "medium"), (bug_id, "team", "Backend")]
    assert pia.delete(f"{PINS}/{bug_id}/team").status_code == 204
    assert pia.bug(bug_id)["pinned"] == ["severity"]
    again = pia.delete(f"{PINS}/{bug_id}/team")
    assert (again.status_code, again.json()["code"]) == (404, "NotFound")
    assert pin(pia, bug_id).status_code == 201
    assert pia.bug(bug_id)["pinned"] == ["severity", "team"]
    first = pia.get(PINS, params={"limit": 2})
    second = pia.get(first.headers["Link"].split(">")[0][1:])
    assert [len(answer.json()["items"]) for answer in (first, second)] == [2, 1]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"bug_id": 99, "task": "team"}, 404, "NotFound"),
        ({"bug_id": 1, "task": "colour"}, 422, "MalformedRequest"),
        ({"bug_id": 1, "task": "team", "reason": "x" * 501}, 422, "MalformedRequest"),
        ({"bug_id": 1}, 422, "MalformedRequest"),
    ],
)
def test_what_cannot_be_pinned_is_refused_and_nothing_is_recorded(
    pia: Person, body: dict[str, Any], status: int, code: str
) -> None:
    pia.report()
    answer = pia.post(PINS, json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert pinned(pia) == []
    assert pia.get("/api/v1/feedback").json()["items"] == []


def test_a_machines_choice_of_a_retired_team_must_be_corrected_before_it_is_pinned(pia: Person) -> None:
    bug_id = pia.report()["id"]
    pia.patch("/api/v1/teams/1", json={"is_active": False})
    assert pin(pia, bug_id).json()["code"] == "UnknownReference"
    assert pinned(pia) == []


def test_a_retraining_knows_which_of_its_lessons_are_pinned(house: House, pia: Person) -> None:
    ids = [pia.report(f"The export {number} fails")["id"] for number in range(3)]
    pin(pia, ids[1])
    pin(pia, ids[2], "severity")
    with house.runtime.database.read() as session:
        assert pins.find_pinned_bugs(session, Task.TEAM) == {ids[1]}
        lessons = find_lessons(session, Task.TEAM, up_to=10, since=0)
    assert {lesson.bug_id: lesson.pinned for lesson in lessons} == {ids[0]: False, ids[1]: True, ids[2]: False}
