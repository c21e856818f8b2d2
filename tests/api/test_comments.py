"""Comments: said, corrected, taken back by whoever wrote them."""

import pytest
from tests.conftest import BOTH
from tests.factories import House, Person

from bugflow.domain.accounts import Role

pytestmark = pytest.mark.parametrize("kind", BOTH)


@pytest.fixture
def ann(house: House) -> Person:
    return house.person("ann")


def test_comments_are_read_in_the_order_they_were_made(house: House, ann: Person) -> None:
    bug_id = ann.report()["id"]
    path = f"/api/v1/bugs/{bug_id}/comments"
    for n in range(3):
        house.clock.advance(minutes=1)
        assert ann.post(path, json={"text": f"Number {n}"}).status_code == 201
    first = ann.get(path, params={"limit": 2})
    second = ann.get(first.headers["Link"].split(">")[0][1:])
    texts = [comment["text"] for answer in (first, second) for comment in answer.json()["items"]]
    assert texts == ["Number 0", "Number 1", "Number 2"]
    assert ann.bug(bug_id)["n_comments"] == 3
    assert ann.bug(bug_id)["updated_at"] == "2026-03-02T09:03:00Z"


def test_an_edited_comment_says_so(house: House, ann: Person) -> None:
    bug_id = ann.report()["id"]
    path = f"/api/v1/bugs/{bug_id}/comments"
    made = ann.post(path, json={"text": "Teh"}).json()
    assert made["edited_at"] is None
    house.clock.advance(minutes=5)
    changed = ann.patch(f"{path}/{made['id']}", json={"text": "The"}).json()
    assert (changed["text"], changed["edited_at"]) == ("The", "2026-03-02T09:05:00Z")


def test_a_removed_comment_is_gone_and_its_removal_logged(house: House, ann: Person) -> None:
    pia = house.person("pia", Role.PM)
    bug_id = ann.report()["id"]
    made = ann.post(f"/api/v1/bugs/{bug_id}/comments", json={"text": "Oops"}).json()
    assert pia.delete(f"/api/v1/bugs/{bug_id}/comments/{made['id']}").status_code == 204
    assert ann.get(f"/api/v1/bugs/{bug_id}/comments").json()["items"] == []
    entry = pia.get("/api/v1/audit", params={"subject": f"comment:{made['id']}"}).json()["items"][0]
    assert (entry["action"], entry["actor_id"], entry["details"]) == ("comment.changed", pia.id, {"removed": True})


def test_a_comment_belongs_to_its_bug(ann: Person) -> None:
    one, two = ann.report()["id"], ann.report()["id"]
    made = ann.post(f"/api/v1/bugs/{one}/comments", json={"text": "x"}).json()
    assert ann.patch(f"/api/v1/bugs/{two}/comments/{made['id']}", json={"text": "y"}).status_code == 404
    assert ann.delete(f"/api/v1/bugs/{two}/comments/{made['id']}").status_code == 404


@pytest.mark.parametrize("text", ["", "  ", "x" * 20_001, "a\x00b"])
def test_what_is_no_text_is_refused(ann: Person, text: str) -> None:
    bug_id = ann.report()["id"]
    assert ann.post(f"/api/v1/bugs/{bug_id}/comments", json={"text": text}).status_code == 422
