"""Statistics against examples worked by hand."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.conftest import BOTH
from tests.factories import House, Person

from bugflow.domain.accounts import Role
from bugflow.domain.predictions import Decision, Task

pytestmark = pytest.mark.parametrize("kind", BOTH)

WEEK_H = 7 * 24


@pytest.fixture
def pia(house: House) -> Person:
    return house.person("pia", Role.PM)


@pytest.fixture
def dev(house: House) -> Person:
    return house.person("dev", Role.DEVELOPER, team="Mobile")


def stats(person: Person, name: str, **wanted: Any) -> Any:
    answer = person.get(f"/api/v1/stats/{name}", params=wanted)
    assert answer.status_code == 200, answer.text
    return answer.json()


def move(person: Person, bug_id: int, *statuses: str) -> None:
    for status in statuses:
        assert person.post("/update_bug", json={"bug_id": bug_id, "status": status}).status_code == 200


def correct(person: Person, bug_id: int, task: str, label: str) -> None:
    answer = person.post("/api/v1/feedback", json={"bug_id": bug_id, "task": task, "label": label})
    assert answer.status_code == 201, answer.text


def test_an_empty_installation_has_zeros_and_no_medians(pia: Person) -> None:
    overview = stats(pia, "overview")
    assert {name: value for name, value in overview.items() if value} == {"retrain_after_corrections": 50}
    assert overview["median_hours_to_triage"] is overview["acceptance"] is None
    assert [row["n_total"] for row in stats(pia, "severity")] == [0, 0, 0, 0]
    assert [row["team"] for row in stats(pia, "teams")] == ["Backend", "DevOps", "Frontend", "Mobile"]
    assert stats(pia, "acceptance") == []
    assert {row["n_open"] for row in stats(pia, "trends", days=3)} == {0}


@pytest.fixture
def story(house: House, pia: Person, dev: Person) -> House:
    """Ten days, six bugs.

    | bug | day filed | severity | team     | assigned | then                                        |
    | 1   | 0         | medium m | Backend  | -        | in progress after 2 h, resolved after 10 h  |
    | 2   | 0         | low p    | Mobile   | dev      | open                                        |
    | 3   | 1         | critical p | Mobile | -        | in progress after 4 h                       |
    | 4   | 8         | medium m | Backend  | pia      | severity corrected to high after 6 h        |
    | 5   | 9         | medium m | Backend  | -        | team unsure; open, needs a look             |
    | 6   | 9         | medium m | Frontend p | dev    | resolved at once, reopened                  |
    """
    clock = house.clock
    pia.report("One")
    pia.report("Two", severity="low", team="Mobile", assigned_to_id=dev.id)
    clock.advance(hours=2)
    move(pia, 1, "in_progress")
    clock.advance(hours=8)
    move(pia, 1, "resolved")
    clock.advance(hours=14)  # day 1, 9:00
    pia.report("Three", severity="critical", team="Mobile")
    clock.advance(hours=4)
    move(dev, 3, "in_progress")
    clock.advance(days=7, hours=-4)  # day 8
    pia.report("Four", assigned_to_id=pia.id)
    clock.advance(hours=6)
    correct(pia, 4, "severity", "high")
    clock.advance(days=1, hours=-6)  # day 9
    house.assessor.unsure(Task.TEAM, Decision.ASK)
    pia.report("Five")
    pia.report("Six", team="Frontend", assigned_to_id=dev.id)
    move(pia, 6, "in_progress", "resolved", "open")
    clock.advance(hours=1)
    return house


def test_the_wait_for_a_person_is_told_by_the_week_in_which_bugs_came(story: House, pia: Person) -> None:
    weeks = [tuple(week.values()) for week in stats(pia, "triage", weeks=3)]
    assert weeks == [
        ("2026-02-23", 0, 0, None),
        ("2026-03-02", 3, 2, 3.0),  # 2 and 4 h; nobody came to bug 2 since it was reported
        ("2026-03-09", 3, 2, 3.0),  # 6 and 0 h; nobody came to bug 5
    ]


def test_the_overview_counts_what_happened(story: House, pia: Person, dev: Person) -> None:
    overview = stats(dev, "overview")
    assert overview == {
        "n_bugs": 6,
        "n_open": 4,
        "n_in_progress": 1,
        "n_resolved": 1,
        "n_critical_open": 1,
        "n_needs_review": 1,
        "n_unassigned": 2,  # 3 and 5; bug 1 is resolved
        "n_mine": 2,
        "n_my_team": 2,
        "n_reported_last_7_days": 3,
        "n_resolved_last_7_days": 0,
        "n_corrections": 1,
        "n_new_corrections": 1,
        "retrain_after_corrections": 50,
        "median_hours_to_triage": 3.0,  # 2, 4, 6 and 0 h
        "median_hours_to_resolve": 10.0,
        # of 12 predictions, overridden: severity of 2 and 3, team of 2, 3 and 6; corrected: severity of 4
        "acceptance": 0.5,
    }
    assert stats(pia, "overview")["n_mine"] == 1


def test_severities_are_counted_by_status_most_severe_first(story: House, pia: Person) -> None:
    rows = stats(pia, "severity")
    assert [tuple(row.values()) for row in rows] == [
        ("critical", 0, 1, 0, 1),
        ("high", 1, 0, 0, 1),
        ("medium", 2, 0, 1, 3),
        ("low", 1, 0, 0, 1),
    ]


def test_teams_are_listed_heaviest_load_first(story: House, pia: Person) -> None:
    rows = [tuple(row.values()) for row in stats(pia, "teams")]
    assert rows == [
        ("Backend", 2, 0, 1, 0),
        ("Mobile", 1, 1, 0, 1),
        ("Frontend", 1, 0, 0, 0),
        ("DevOps", 0, 0, 0, 0),
    ]
    for team_id in (3, 4):
        pia.patch(f"/api/v1/teams/{team_id}", json={"is_active": False})
    assert [row["team"] for row in stats(pia, "teams")] == ["Backend", "Mobile", "Frontend"]  # Mobile still has work


def test_trends_follow_each_day(story: House, pia: Person) -> None:
    rows = {row["day"]: (row["n_reported"], row["n_resolved"], row["n_open"]) for row in stats(pia, "trends", days=12)}
    assert list(rows) == sorted(rows)
    assert len(rows) == 12
    assert rows["2026-03-01"] == (0, 0, 0)
    assert rows["2026-03-02"] == (2, 1, 1)
    assert rows["2026-03-03"] == (1, 0, 2)
    assert rows["2026-03-09"] == (0, 0, 2)
    assert rows["2026-03-10"] == (1, 0, 3)
    assert rows["2026-03-11"] == (2, 0, 5)
    last = stats(pia, "trends", days=1)
    assert [(row["day"], row["n_reported"], row["n_open"]) for row in last] == [("2026-03-11", 2, 5)]


def test_the_last_day_of_a_trend_is_what_the_overview_counts(story: House, pia: Person) -> None:
    for days in (1, 2, 9, 30):
        overview = stats(pia, "overview")
        assert stats(pia, "trends", days=days)[-1]["n_open"] == overview["n_open"] + overview["n_in_progress"]


def test_feedback_is_counted_by_weeks_that_start_on_monday(story: House, pia: Person) -> None:
    rows = [tuple(row.values()) for row in stats(pia, "feedback", weeks=3)]
    assert rows == [("2026-02-23", 0, 0, 0, 0), ("2026-03-02", 0, 0, 4, 0), ("2026-03-09", 1, 0, 1, 1)]
    correct(pia, 5, "team", "Backend")
    assert tuple(stats(pia, "feedback", weeks=1)[0].values()) == ("2026-03-09", 1, 1, 1, 1)
    story.clock.advance(days=7)
    assert tuple(stats(pia, "feedback", weeks=1)[0].values()) == ("2026-03-16", 0, 0, 0, 1)


def test_acceptance_is_told_by_model_and_field(story: House, pia: Person) -> None:
    correct(pia, 5, "team", "Backend")
    severity, team = stats(pia, "acceptance")
    assert severity == {
        "task": "severity",
        "model_version": "severity-7",
        "n_predicted": 6,
        "n_corrected": 3,  # overridden 2 and 3, corrected 4
        "n_confirmed": 0,
        "acceptance": 0.5,
        "coverage": 1.0,
        "precision": 0.5,
    }
    assert team == {
        "task": "team",
        "model_version": "team-7",
        "n_predicted": 6,
        "n_corrected": 3,  # overridden 2, 3 and 6
        "n_confirmed": 1,
        "acceptance": 0.5,
        "coverage": 0.6667,  # asked for 5 and 6
        "precision": 0.5,  # of 1 to 4, wrong: 2 and 3
    }


def test_only_the_newest_word_counts(story: House, pia: Person) -> None:
    correct(pia, 4, "severity", "medium")  # back to what the machine had said
    severity, _ = stats(pia, "acceptance")
    assert (severity["n_corrected"], severity["n_confirmed"]) == (2, 1)
    assert stats(pia, "overview")["n_corrections"] == 1  # what was said stays said


def test_old_bugs_leave_the_medians_not_the_totals(story: House, pia: Person) -> None:
    story.clock.advance(days=91)
    overview = stats(pia, "overview")
    assert (overview["n_bugs"], overview["n_reported_last_7_days"]) == (6, 0)
    assert overview["median_hours_to_triage"] is overview["median_hours_to_resolve"] is overview["acceptance"] is None


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("trends", {"days": 0}), ("trends", {"days": 731}), ("feedback", {"weeks": 0}), ("feedback", {"weeks": 261})],
)
def test_a_span_that_is_none_is_refused(pia: Person, name: str, wanted: dict[str, int]) -> None:
    assert pia.get(f"/api/v1/stats/{name}", params=wanted).status_code == 422


def test_the_threshold_is_the_settings(build: Callable[..., House], pia: Person) -> None:
    house = build(retrain_after_corrections=7)
    assert stats(house.person("boss", Role.PM), "overview")["retrain_after_corrections"] == 7
