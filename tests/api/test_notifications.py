"""Who is told what: once, never the doer, nobody who does not want to know."""

import pytest
from tests.conftest import BOTH
from tests.factories import House, Person

from bugflow.domain.accounts import Role
from bugflow.services.training import steps

pytestmark = pytest.mark.parametrize("kind", BOTH)


@pytest.fixture
def ann(house: House) -> Person:
    return house.person("ann")


@pytest.fixture
def dev(house: House) -> Person:
    return house.person("dev", Role.DEVELOPER, team="Backend")


@pytest.fixture
def pia(house: House) -> Person:
    return house.person("pia", Role.PM)


def test_a_new_bug_is_told_to_its_team(house: House, ann: Person, dev: Person, pia: Person) -> None:
    other = house.person("other", Role.DEVELOPER, team="Mobile")
    mate = house.person("mate", Role.TESTER, team="Backend")
    bug_id = ann.report()["id"]
    assert dev.told() == [("team", bug_id)]
    assert ann.told() == other.told() == mate.told() == pia.told() == []


def test_a_new_bug_with_an_assignee_is_told_to_them_alone(house: House, ann: Person, dev: Person) -> None:
    other = house.person("other", Role.DEVELOPER, team="Backend")
    bug_id = ann.report(assigned_to_id=dev.id)["id"]
    assert dev.told() == [("assigned", bug_id)]
    assert other.told() == []


def test_a_bug_that_may_be_critical_is_told_to_pms(house: House, ann: Person, pia: Person) -> None:
    house.assessor.severity = "critical"
    assert pia.told() == []
    bug_id = ann.report()["id"]
    assert pia.told() == [("review", bug_id)]


def test_a_move_is_told_to_reporter_and_assignee(ann: Person, dev: Person, pia: Person) -> None:
    bug_id = ann.report(assigned_to_id=dev.id)["id"]
    pia.post("/update_bug", json={"bug_id": bug_id, "status": "in_progress"})
    assert ann.told() == [("moved", bug_id)]
    assert dev.told() == [("assigned", bug_id), ("moved", bug_id)]
    assert pia.told() == []


def test_nobody_is_told_what_they_did_themselves(dev: Person) -> None:
    bug_id = dev.report(assigned_to_id=dev.id)["id"]
    dev.post("/update_bug", json={"bug_id": bug_id, "status": "in_progress", "note": "on it"})
    dev.post(f"/api/v1/bugs/{bug_id}/comments", json={"text": "done"})
    assert dev.told() == []


def test_who_is_concerned_twice_is_told_once(dev: Person, pia: Person) -> None:
    bug_id = dev.report(assigned_to_id=dev.id)["id"]
    pia.post("/update_bug", json={"bug_id": bug_id, "status": "in_progress"})
    assert dev.told() == [("moved", bug_id)]


def test_a_new_assignee_is_told_the_old_one_and_the_same_one_not(house: House, dev: Person, pia: Person) -> None:
    old = house.person("old", Role.DEVELOPER)
    bug_id = pia.report(team="Mobile", assigned_to_id=old.id)["id"]
    pia.post("/update_bug", json={"bug_id": bug_id, "assigned_to_id": dev.id})
    pia.post("/update_bug", json={"bug_id": bug_id, "assigned_to_id": dev.id})
    assert dev.told() == [("assigned", bug_id)]
    assert old.told() == [("assigned", bug_id)]


def test_a_comment_is_told_to_all_who_take_part(house: House, ann: Person, dev: Person, pia: Person) -> None:
    bug_id = ann.report(team="Mobile")["id"]
    path = f"/api/v1/bugs/{bug_id}/comments"
    dev.post(path, json={"text": "Which version?"})
    assert ann.told() == [("commented", bug_id)]
    ann.post(path, json={"text": "The newest"})
    assert dev.told() == [("commented", bug_id)]
    pia.post(path, json={"text": "Thanks"})
    assert ann.told() == [("commented", bug_id)] * 2
    assert dev.told() == [("commented", bug_id)] * 2
    assert pia.told() == []


def test_a_correction_is_told_to_the_reporter(house: House, ann: Person, pia: Person) -> None:
    bug_id = ann.report()["id"]
    pia.post("/api/v1/feedback", json={"bug_id": bug_id, "task": "severity", "label": "high"})
    assert ann.told() == [("corrected", bug_id)]


def test_a_kind_that_someone_muted_is_not_told(ann: Person, dev: Person) -> None:
    ann.patch("/api/v1/me", json={"preferences": {"muted": ["commented"]}})
    bug_id = ann.report(assigned_to_id=dev.id)["id"]
    dev.post(f"/api/v1/bugs/{bug_id}/comments", json={"text": "x"})
    dev.post("/update_bug", json={"bug_id": bug_id, "status": "in_progress"})
    assert ann.told() == [("moved", bug_id)]


def test_reading_counts_down(house: House, ann: Person, dev: Person) -> None:
    bug_ids = [ann.report()["id"] for _ in range(3)]
    items = dev.get("/api/v1/notifications").json()["items"]
    assert [item["bug_id"] for item in items] == list(reversed(bug_ids))
    assert (items[0]["bug_title"], items[0]["actor"]["username"], items[0]["read_at"]) == (
        "The export fails",
        "ann",
        None,
    )
    assert dev.get("/api/v1/me").json()["n_unread"] == 3
    assert dev.post("/api/v1/notifications/read", json={"ids": [items[0]["id"]]}).status_code == 204
    assert dev.get("/api/v1/notifications/count").json() == {"n_unread": 2}
    unread = dev.get("/api/v1/notifications", params={"unread": True, "limit": 1})
    assert unread.json()["items"][0]["id"] == items[1]["id"]
    assert 'rel="next"' in unread.headers["Link"]
    assert dev.post("/api/v1/notifications/read", json={}).status_code == 204
    assert dev.get("/api/v1/notifications/count").json() == {"n_unread": 0}


def test_nobody_reads_for_another(house: House, ann: Person, dev: Person) -> None:
    ann.report()
    item = dev.get("/api/v1/notifications").json()["items"][0]
    assert ann.post("/api/v1/notifications/read", json={"ids": [item["id"], 999, 2**63 - 1]}).status_code == 204
    assert ann.post("/api/v1/notifications/read", json={}).status_code == 204
    assert dev.get("/api/v1/notifications/count").json() == {"n_unread": 1}
    assert ann.get("/api/v1/notifications").json()["items"] == []


def test_what_became_of_a_retraining_is_told_to_pms_alone(house: House, ann: Person, dev: Person, pia: Person) -> None:
    quiet = house.person("quiet", Role.PM)
    quiet.patch("/api/v1/me", json={"preferences": {"muted": ["model"]}})
    run_id = pia.post("/api/v1/retraining").json()["id"]
    steps.plan(house.runtime.database, house.runtime.shelf, run_id)
    steps.conclude(house.runtime.database, house.runtime.shelf, run_id, promote=True, now=house.now)
    (told,) = pia.get("/api/v1/notifications").json()["items"]
    assert (told["kind"], told["bug_id"], told["bug_title"], told["actor"]) == ("model", None, None, None)
    assert told["said"] == pia.get(f"/api/v1/retraining/{run_id}").json()["outcome"]
    assert ann.told() == dev.told() == quiet.told() == []


def test_nobody_is_told_of_a_retraining_that_a_pm_gave_up(house: House, pia: Person) -> None:
    run_id = pia.post("/api/v1/retraining").json()["id"]
    pia.post(f"/api/v1/retraining/{run_id}/cancel")
    assert pia.told() == []
