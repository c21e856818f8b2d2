"""What people say about predictions: counted once, kept for ever, told to whom it concerns."""

from typing import Any

import pytest
from tests.conftest import BOTH
from tests.factories import House, Person

from bugflow.domain.accounts import Role
from bugflow.domain.predictions import Decision, Task

both = pytest.mark.parametrize("kind", BOTH)


@pytest.fixture
def pia(house: House) -> Person:
    return house.person("pia", Role.PM)


def say(person: Person, bug_id: int, task: str, label: str, **given: Any) -> Any:
    return person.post("/api/v1/feedback", json={"bug_id": bug_id, "task": task, "label": label, **given})


def told(person: Person, **wanted: Any) -> list[tuple[str, str, str, str]]:
    items = person.get("/api/v1/feedback", params=wanted).json()["items"]
    return [(item["task"], item["kind"], item["old_label"], item["label"]) for item in items]


@both
def test_another_label_is_a_correction(house: House, pia: Person) -> None:
    bug_id = pia.report()["id"]
    answer = say(pia, bug_id, "severity", "critical", reason="data loss")
    assert answer.status_code == 201
    given = answer.json()
    assert given["feedback_count"] == 1
    said = given["feedback"]
    assert (said["kind"], said["predicted"], said["old_label"], said["label"]) == (
        "correction",
        "medium",
        "medium",
        "critical",
    )
    assert (said["reason"], said["actor"]["username"]) == ("data loss", "pia")
    bug = pia.bug(bug_id)
    assert (bug["severity"], bug["severity_set_by"]) == ("critical", "person")
    assert bug["predictions"][0]["label"] == "medium"  # what was said stays said


@both
def test_the_predicted_label_is_a_confirmation_and_counts_as_no_correction(house: House, pia: Person) -> None:
    bug_id = pia.report()["id"]
    answer = say(pia, bug_id, "team", "backend").json()
    assert (answer["feedback"]["kind"], answer["feedback"]["label"], answer["feedback_count"]) == (
        "confirmation",
        "Backend",
        0,
    )
    assert pia.bug(bug_id)["team_set_by"] == "person"


@both
@pytest.mark.parametrize(("task", "label"), [("severity", "high"), ("severity", "medium"), ("team", "Mobile")])
def test_saying_it_twice_records_nothing(house: House, pia: Person, task: str, label: str) -> None:
    bug_id = pia.report()["id"]
    assert say(pia, bug_id, task, label).status_code == 201
    before = pia.bug(bug_id)
    for answer in (
        say(pia, bug_id, task, label),
        pia.post("/update_bug", json={"bug_id": bug_id, f"correction_{task}": label, "note": "again"}),
        pia.patch(f"/api/v1/bugs/{bug_id}", json={task: label, "title": "again"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "AlreadySaid")
    assert pia.bug(bug_id) == before
    assert len(told(pia)) == 1


def test_a_pm_agrees_once_with_what_the_reporter_chose(house: House, pia: Person) -> None:
    bug_id = pia.report(severity="high")["id"]
    assert say(pia, bug_id, "severity", "high").json()["feedback"]["kind"] == "correction"  # of the machine
    assert say(pia, bug_id, "severity", "high").status_code == 409


def test_a_second_thought_is_kept_beside_the_first(house: House, pia: Person) -> None:
    bug_id = pia.report()["id"]
    for label in ("high", "low", "medium"):
        assert say(pia, bug_id, "severity", label).status_code == 201
    assert told(pia) == [
        ("severity", "confirmation", "low", "medium"),
        ("severity", "correction", "high", "low"),
        ("severity", "correction", "medium", "high"),
    ]


@pytest.mark.parametrize(
    ("task", "label", "code"),
    [
        ("severity", "urgent", "UnknownLabel"),
        ("team", "Nowhere", "UnknownReference"),
        ("colour", "red", "MalformedRequest"),
        ("severity", "", "MalformedRequest"),
    ],
)
def test_a_label_that_does_not_exist_is_refused(pia: Person, task: str, label: str, code: str) -> None:
    bug_id = pia.report()["id"]
    answer = say(pia, bug_id, task, label)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert told(pia) == []


def test_a_retired_team_is_no_label(pia: Person) -> None:
    bug_id = pia.report()["id"]
    pia.patch("/api/v1/teams/3", json={"is_active": False})
    assert say(pia, bug_id, "team", "Mobile").json()["code"] == "UnknownReference"


def test_a_severity_is_read_whatever_its_case(pia: Person) -> None:
    assert say(pia, pia.report()["id"], "severity", " HIGH ").json()["feedback"]["label"] == "high"


@both
def test_feedback_is_listed_newest_first_by_bug_and_kind(pia: Person) -> None:
    one, two = pia.report()["id"], pia.report(severity="low")["id"]
    say(pia, one, "severity", "high")
    say(pia, one, "team", "Backend")
    assert told(pia) == [
        ("team", "confirmation", "Backend", "Backend"),
        ("severity", "correction", "medium", "high"),
        ("severity", "override", "medium", "low"),
    ]
    assert len(told(pia, bug_id=one)) == 2
    assert told(pia, kind="override", bug_id=two) == [("severity", "override", "medium", "low")]
    first = pia.get("/api/v1/feedback", params={"limit": 2})
    second = pia.get(first.headers["Link"].split(">")[0][1:])
    assert [len(answer.json()["items"]) for answer in (first, second)] == [2, 1]


@both
class TestTheReviewQueue:
    @pytest.fixture
    def bug_id(self, house: House, pia: Person) -> int:
        house.assessor.unsure(Task.SEVERITY, Decision.SUGGEST)
        house.assessor.unsure(Task.TEAM)
        return int(pia.report("Unsure")["id"])

    def queue(self, person: Person) -> list[int]:
        items = person.get("/api/v1/feedback/queue").json()["items"]
        assert all(len(item["predictions"]) == 2 for item in items)
        return [item["bug"]["id"] for item in items]

    def test_holds_what_the_machine_is_not_sure_of(self, house: House, pia: Person, bug_id: int) -> None:
        second = pia.report("Unsure too")["id"]
        house.assessor.reset()
        pia.report("Sure")
        assert self.queue(pia) == [second, bug_id]

    def test_lets_a_bug_go_when_every_doubt_was_answered(self, pia: Person, bug_id: int) -> None:
        say(pia, bug_id, "severity", "medium")
        assert self.queue(pia) == [bug_id]
        say(pia, bug_id, "team", "Mobile")
        assert self.queue(pia) == []
        assert pia.bug(bug_id)["needs_review"] is False

    def test_lets_a_resolved_bug_go(self, pia: Person, bug_id: int) -> None:
        for status in ("in_progress", "resolved"):
            pia.post("/update_bug", json={"bug_id": bug_id, "status": status})
        assert self.queue(pia) == []


def test_critical_that_the_machine_may_not_set_waits_for_a_person(house: House, pia: Person) -> None:
    house.assessor.severity = "critical"
    bug_id = pia.report()["id"]
    answer = say(pia, bug_id, "severity", "critical").json()
    assert (answer["feedback"]["kind"], answer["feedback"]["old_label"]) == ("confirmation", "high")
    bug = pia.bug(bug_id)
    assert (bug["severity"], bug["needs_review"]) == ("critical", False)
