"""Bugs over HTTP: lists, filters, one bug, its changes and history."""

from typing import Any

import pytest
from tests.conftest import BOTH
from tests.factories import House, Person

from bugflow.domain.accounts import Role

both = pytest.mark.parametrize("kind", BOTH)


@pytest.fixture
def pia(house: House) -> Person:
    return house.person("pia", Role.PM)


def ids(person: Person, **wanted: Any) -> list[int]:
    answer = person.get("/api/v1/bugs", params={"sort": "id", "limit": 100, **wanted})
    assert answer.status_code == 200, answer.text
    return [bug["id"] for bug in answer.json()["items"]]


class TestFilters:
    @pytest.fixture
    def dev(self, house: House, pia: Person) -> Person:
        """Five bugs an hour apart, 1 to 5; the filters are asked for as a developer of Mobile."""
        dev = house.person("dev", Role.DEVELOPER, team="Mobile")
        pia.report("Alpha", "Shop", severity="low", team="Backend")
        house.clock.advance(hours=1)
        dev.report("Beta", "Shop", severity="high", team="Mobile", assigned_to_id=dev.id)
        house.clock.advance(hours=1)
        pia.report("Gamma", "App", severity="high", team="Frontend", assigned_to_id=pia.id)
        house.clock.advance(hours=1)
        house.assessor.confidence = 0.3
        house.assessor.severity = "critical"
        pia.report("Delta", "App", team="Mobile")  # the machine may not set critical: needs a look
        house.clock.advance(hours=1)
        pia.report("Epsilon", "Wiki", severity="critical", team="DevOps")
        pia.post("/update_bug", json={"bug_id": 1, "status": "in_progress"})
        pia.post("/update_bug", json={"bug_id": 2, "status": "in_progress"})
        pia.post("/update_bug", json={"bug_id": 2, "status": "resolved"})
        return dev

    @both
    @pytest.mark.parametrize(
        ("wanted", "found"),
        [
            ({}, [1, 2, 3, 4, 5]),
            ({"status": "open"}, [3, 4, 5]),
            ({"status": ["in_progress", "resolved"]}, [1, 2]),
            ({"severity": "high"}, [2, 3, 4]),
            ({"severity": ["low", "critical"]}, [1, 5]),
            ({"team": "Mobile"}, [2, 4]),
            ({"team": ["Mobile", "Backend"]}, [1, 2, 4]),
            ({"team": "Nowhere"}, []),
            ({"project": "App"}, [3, 4]),
            ({"project": ["App", "Wiki"], "severity": "critical"}, [5]),
            ({"assigned_to": "me"}, [2]),
            ({"assigned_to": "nobody"}, [1, 4, 5]),
            ({"assigned_to": "my_team"}, [2, 4]),
            ({"assigned_to": "999"}, []),
            ({"reporter": "me"}, [2]),
            ({"reporter": "1"}, [1, 3, 4, 5]),
            ({"needs_review": True}, [4]),
            ({"needs_review": False}, [1, 2, 3, 5]),
            ({"created_after": "2026-03-02T11:00:00Z"}, [3, 4, 5]),
            ({"created_after": "2026-03-02T12:00:00+01:00"}, [3, 4, 5]),
            ({"created_before": "2026-03-02T11:00:00Z"}, [1, 2]),
            ({"updated_after": "2026-03-02T13:00:00Z"}, [1, 2, 5]),
            ({"q": "alph"}, [1]),
            ({"q": "gamma", "team": "Backend"}, []),
        ],
    )
    def test_each_condition_narrows_and_values_of_one_widen(
        self, dev: Person, wanted: dict[str, Any], found: list[int]
    ) -> None:
        assert ids(dev, **wanted) == found
        answer = dev.get("/api/v1/bugs", params={**wanted, "limit": 1, "total": True}).json()
        assert answer["total"] == len(found)

    @pytest.mark.parametrize(
        ("sort", "order"),
        [
            ("created_at", [1, 2, 3, 4, 5]),
            ("-created_at", [5, 4, 3, 2, 1]),
            ("-severity", [5, 4, 3, 2, 1]),
            ("severity", [1, 2, 3, 4, 5]),
            ("-id", [5, 4, 3, 2, 1]),
            ("-updated_at", [5, 2, 1, 4, 3]),
        ],
    )
    def test_lists_are_sorted_as_asked(self, dev: Person, sort: str, order: list[int]) -> None:
        assert ids(dev, sort=sort) == order

    def test_a_link_leads_through_the_whole_list_with_its_filters(self, dev: Person) -> None:
        seen: list[int] = []
        path = "/api/v1/bugs?team=Mobile&team=Backend&limit=1&sort=-created_at&q="
        while path:
            answer = dev.get(path)
            seen += [bug["id"] for bug in answer.json()["items"]]
            link = answer.headers.get("Link", "")
            assert bool(link) is (answer.json()["next_cursor"] is not None)
            path = link.removeprefix("<").removesuffix('>; rel="next"')
            assert len(seen) < 9
        assert seen == [4, 2, 1]

    def test_a_cursor_of_another_order_is_refused(self, dev: Person) -> None:
        cursor = dev.get("/api/v1/bugs", params={"limit": 2}).json()["next_cursor"]
        answer = dev.get("/api/v1/bugs", params={"limit": 2, "cursor": cursor, "sort": "severity"})
        assert (answer.status_code, answer.json()["code"]) == (422, "InvalidCursor")

    @pytest.mark.parametrize(
        "wanted",
        [
            {"limit": 0},
            {"limit": 101},
            {"sort": "title"},
            {"status": "closed"},
            {"assigned_to": "you"},
            {"assigned_to": "0"},
            {"reporter": "9" * 19},
            {"q": "x" * 501},
            {"q": "a\x00b"},
            {"created_after": "yesterday"},
            {"created_after": "2026-03-02T11:00:00"},
            {"colour": "red"},
            {"total": "maybe"},
        ],
    )
    def test_a_filter_that_cannot_be_understood_is_refused(self, pia: Person, wanted: dict[str, Any]) -> None:
        answer = pia.get("/api/v1/bugs", params=wanted)
        assert (answer.status_code, answer.json()["code"]) == (422, "MalformedRequest")
        assert answer.json()["errors"][0]["path"].startswith("query")


class TestOneBug:
    def test_tells_the_asking_person_what_they_may_do(self, house: House, pia: Person) -> None:
        ann = house.person("ann")
        bug_id = ann.report()["id"]
        rights = ("moves", "may_edit", "may_correct", "may_assign", "may_attach")
        assert [ann.bug(bug_id)[name] for name in rights] == [[], True, False, False, True]
        assert [pia.bug(bug_id)[name] for name in rights] == [["in_progress"], True, True, True, True]
        other = house.person("other").bug(bug_id)
        assert [other[name] for name in rights] == [[], False, False, False, False]

    @both
    @pytest.mark.parametrize("bug_id", [99, 2**31, 2**63 - 1])
    def test_that_does_not_exist_is_not_found(self, pia: Person, bug_id: int) -> None:
        for answer in (
            pia.get(f"/api/v1/bugs/{bug_id}"),
            pia.patch(f"/api/v1/bugs/{bug_id}", json={"title": "x"}),
            pia.get(f"/api/v1/bugs/{bug_id}/events"),
            pia.get(f"/api/v1/bugs/{bug_id}/comments"),
            pia.post("/update_bug", json={"bug_id": bug_id}),
            pia.post("/api/v1/feedback", json={"bug_id": bug_id, "task": "team", "label": "Mobile"}),
            pia.get(f"/api/v1/bugs/{bug_id}/attachments"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, "NotFound")
        assert pia.get("/api/v1/feedback", params={"bug_id": bug_id}).json()["items"] == []

    @pytest.mark.parametrize("bug_id", [0, -1, 2**63, 10**30, "x", "1.5", "%00"])
    def test_with_an_impossible_number_is_malformed(self, pia: Person, bug_id: object) -> None:
        assert pia.get(f"/api/v1/bugs/{bug_id}").status_code == 422

    def test_has_its_version_as_etag(self, pia: Person) -> None:
        bug_id = pia.report()["id"]
        path = f"/api/v1/bugs/{bug_id}"
        etag = pia.get(path).headers["ETag"]
        for seen in (etag, f"W/{etag}"):
            same = pia.get(path, headers={"If-None-Match": seen})
            assert (same.status_code, same.content) == (304, b"")
        pia.post(f"{path}/comments", json={"text": "x"})
        assert pia.get(path, headers={"If-None-Match": etag}).status_code == 200

    def test_changes_its_etag_with_all_that_its_page_shows(self, house: House, pia: Person) -> None:
        bug_id = pia.report()["id"]
        path = f"/api/v1/bugs/{bug_id}"
        etags = [pia.get(path).headers["ETag"]]

        def after(answer: Any) -> None:
            assert answer.status_code < 300, answer.text
            etags.append(pia.get(path).headers["ETag"])

        after(pia.post(f"{path}/comments", json={"text": "x"}))
        after(pia.delete(f"{path}/comments/1"))
        after(pia.post(f"{path}/attachments", files={"file": ("a.log", b"x")}))
        after(pia.delete(f"{path}/attachments/1"))
        after(pia.post("/api/v1/feedback", json={"bug_id": bug_id, "task": "severity", "label": "low"}))
        after(pia.post("/update_bug", json={"bug_id": bug_id, "status": "in_progress"}))
        after(pia.patch(path, json={"title": "Other"}))
        assert len(set(etags)) == 8


@both
class TestALostUpdate:
    def test_is_refused(self, house: House, pia: Person) -> None:
        bug_id = pia.report()["id"]
        path = f"/api/v1/bugs/{bug_id}"
        etag = pia.get(path).headers["ETag"]
        first = pia.patch(path, json={"title": "First"}, headers={"If-Match": etag})
        assert first.status_code == 200
        second = pia.patch(path, json={"title": "Second"}, headers={"If-Match": etag})
        assert (second.status_code, second.json()["code"]) == (412, "LostUpdate")
        assert pia.bug(bug_id)["title"] == "First"
        again = pia.patch(path, json={"title": "Second"}, headers={"If-Match": first.headers["ETag"]})
        assert again.status_code == 200

    @pytest.mark.parametrize("etag", ["", "1", '"x"', '"99"', '"1", "2"', '"' + "9" * 30 + '"'])
    def test_is_what_an_unknown_etag_would_be(self, pia: Person, etag: str) -> None:
        bug_id = pia.report()["id"]
        answer = pia.patch(f"/api/v1/bugs/{bug_id}", json={"title": "x"}, headers={"If-Match": etag})
        assert answer.status_code == 412

    def test_does_not_matter_to_who_says_so(self, pia: Person) -> None:
        bug_id = pia.report()["id"]
        answer = pia.patch(f"/api/v1/bugs/{bug_id}", json={"title": "x"}, headers={"If-Match": "*"})
        assert answer.status_code == 200


@both
def test_every_change_is_one_row_of_the_history(house: House, pia: Person) -> None:
    dev = house.person("dev", Role.DEVELOPER)
    dev.patch("/api/v1/me", json={"display_name": "Dev One"})
    bug_id = pia.report("Old words", "Shop", title="Old")["id"]
    change = {
        "title": " New ",
        "description": "New words",
        "project": "App",
        "assigned_to_id": dev.id,
        "status": "in_progress",
        "severity": "high",
        "team": "Mobile",
        "reason": "seen it",
    }
    assert pia.patch(f"/api/v1/bugs/{bug_id}", json=change).status_code == 200
    pia.patch(f"/api/v1/bugs/{bug_id}", json={"assigned_to_id": None, "title": "New", "status": "in_progress"})
    events = pia.get(f"/api/v1/bugs/{bug_id}/events").json()["items"]
    told = [(event["kind"], event["field"], event["old_value"], event["new_value"], event["note"]) for event in events]
    assert told[0] == ("reported", None, None, None, None)
    assert sorted(told[1:-1], key=str) == sorted(
        [
            ("changed", "title", "Old", "New", None),
            ("changed", "description", "Old words", "New words", None),
            ("changed", "project", "Shop", "App", None),
            ("corrected", "severity", "medium", "high", "seen it"),
            ("corrected", "team", "Backend", "Mobile", "seen it"),
            ("changed", "status", "open", "in_progress", None),
            ("changed", "assigned_to", None, "Dev One", None),
        ],
        key=str,
    )
    assert told[-1] == ("changed", "assigned_to", "Dev One", None, None)  # what stayed the same is no event
    assert {event["actor"]["username"] for event in events} == {"pia"}
    bug = pia.bug(bug_id)
    assert (bug["title"], bug["description"], bug["project"], bug["assigned_to"]) == ("New", "New words", "App", None)
    assert (bug["status"], bug["severity"], bug["team"], bug["version"]) == ("in_progress", "high", "Mobile", 3)


def test_a_long_history_is_read_page_by_page(pia: Person) -> None:
    bug_id = pia.report()["id"]
    for n in range(4):
        pia.patch(f"/api/v1/bugs/{bug_id}", json={"title": f"Title {n}"})
    first = pia.get(f"/api/v1/bugs/{bug_id}/events", params={"limit": 3})
    second = pia.get(first.headers["Link"].split(">")[0][1:])
    assert [len(answer.json()["items"]) for answer in (first, second)] == [3, 2]


@both
def test_a_bug_goes_round_the_flow(house: House, pia: Person) -> None:
    bug_id = pia.report()["id"]
    for status in ("in_progress", "open", "in_progress", "resolved"):
        house.clock.advance(hours=1)
        assert pia.post("/update_bug", json={"bug_id": bug_id, "status": status}).status_code == 200
    bug = pia.bug(bug_id)
    assert (bug["status"], bug["resolved_at"]) == ("resolved", "2026-03-02T13:00:00Z")
    pia.post("/update_bug", json={"bug_id": bug_id, "status": "open"})
    bug = pia.bug(bug_id)
    assert (bug["status"], bug["resolved_at"]) == ("open", None)


@both
@pytest.mark.parametrize(("status", "body"), [("resolved", {"note": "Fixed", "correction_team": "Mobile"})])
def test_an_illegal_move_changes_nothing_of_what_came_with_it(pia: Person, status: str, body: dict[str, str]) -> None:
    bug_id = pia.report()["id"]
    answer = pia.post("/update_bug", json={"bug_id": bug_id, "status": status, **body})
    assert (answer.status_code, answer.json()["code"]) == (409, "IllegalMove")
    assert "can become: in_progress" in answer.json()["detail"]
    bug = pia.bug(bug_id)
    assert (bug["status"], bug["team"], bug["n_comments"], bug["version"]) == ("open", "Backend", 0, 1)
    assert pia.get("/api/v1/feedback").json()["items"] == []


def test_an_unknown_assignee_is_refused(house: House, pia: Person) -> None:
    bug_id = pia.report()["id"]
    gone = house.person("gone")
    boss = house.person("boss", Role.PM, is_admin=True)
    boss.patch(f"/api/v1/users/{gone.id}", json={"is_active": False})
    for user_id in (999, gone.id):
        answer = pia.post("/update_bug", json={"bug_id": bug_id, "assigned_to_id": user_id})
        assert (answer.status_code, answer.json()["code"]) == (422, "UnknownReference")


def test_a_note_is_a_comment(pia: Person) -> None:
    bug_id = pia.report()["id"]
    pia.post("/update_bug", json={"bug_id": bug_id, "note": "Looked at it"})
    assert [c["text"] for c in pia.get(f"/api/v1/bugs/{bug_id}/comments").json()["items"]] == ["Looked at it"]


@pytest.mark.parametrize("note", ["   ", "\n"])
def test_a_blank_note_is_no_comment(pia: Person, note: str) -> None:
    bug_id = pia.report()["id"]
    pia.post("/update_bug", json={"bug_id": bug_id, "note": note})
    assert pia.bug(bug_id)["n_comments"] == 0


@pytest.mark.parametrize(
    "body", [{"title": None}, {"title": " "}, {"version": 1}, {"id": 3}, {"reporter_id": 2}, {"severity": "worst"}]
)
def test_a_change_that_does_not_fit_is_refused(pia: Person, body: dict[str, Any]) -> None:
    bug_id = pia.report()["id"]
    answer = pia.patch(f"/api/v1/bugs/{bug_id}", json=body)
    assert answer.status_code == 422 if body != {"title": None} else answer.status_code in {200, 422}
    assert pia.bug(bug_id)["title"] == "The export fails"
