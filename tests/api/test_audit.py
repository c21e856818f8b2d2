"""The audit log over HTTP: every update is in it."""

from itertools import pairwise

import pytest
from tests.conftest import BOTH
from tests.factories import PASSWORD, House

from bugflow.domain.accounts import Role

pytestmark = pytest.mark.parametrize("kind", BOTH)


def test_what_is_done_is_logged_newest_first(house: House) -> None:
    boss = house.person("boss", Role.PM, is_admin=True)
    bug_id = boss.report()["id"]
    boss.post("/update_bug", json={"bug_id": bug_id, "status": "in_progress", "correction_team": "Mobile"})
    boss.post(f"/api/v1/bugs/{bug_id}/comments", json={"text": "x"})
    boss.post("/api/v1/users", json={"username": "ann", "password": PASSWORD, "role": "tester"})
    items = boss.get("/api/v1/audit").json()["items"]
    assert [(item["action"], item["subject"], item["actor_id"]) for item in items] == [
        ("user.created", "user:2", 1),
        ("bug.commented", "bug:1", 1),
        ("bug.changed", "bug:1", 1),
        ("bug.corrected", "bug:1", 1),
        ("bug.reported", "bug:1", 1),
        ("user.signed_in", "user:1", 1),
        ("user.created", "user:1", None),
    ]
    assert all(newer["previous_hash"] == older["hash"] for newer, older in pairwise(items))
    verdict = boss.get("/api/v1/audit/verify").json()
    assert verdict == {"ok": True, "n_entries": 7, "head": items[0]["hash"], "problem": None}


def test_the_log_is_read_by_subject_and_page_by_page(house: House) -> None:
    boss = house.person("boss", Role.PM, is_admin=True)
    for _ in range(3):
        boss.report()
    assert [e["subject"] for e in boss.get("/api/v1/audit?subject=bug:2").json()["items"]] == ["bug:2"]
    first = boss.get("/api/v1/audit", params={"limit": 3})
    second = boss.get(first.headers["Link"].split(">")[0][1:])
    assert [e["number"] for answer in (first, second) for e in answer.json()["items"]] == [5, 4, 3, 2, 1]
    assert boss.get("/api/v1/audit?subject=' OR 1=1").status_code == 422


@pytest.mark.parametrize("body", [{"status": "resolved"}, {"correction_team": "Nowhere"}, {"assigned_to_id": 99}])
def test_what_was_refused_is_not_logged_as_done(house: House, body: dict[str, object]) -> None:
    boss = house.person("boss", Role.PM)
    bug_id = boss.report()["id"]
    before = boss.get("/api/v1/audit/verify").json()
    assert boss.post("/update_bug", json={"bug_id": bug_id, **body}).status_code in {409, 422}
    assert boss.get("/api/v1/audit/verify").json() == before
