"""Teams and projects: renamed with all their bugs, retired without losing any."""

from typing import Any

import pytest
from tests.conftest import BOTH
from tests.factories import House, Person

from bugflow.domain.accounts import Role

pytestmark = pytest.mark.parametrize("kind", BOTH)


@pytest.fixture
def pia(house: House) -> Person:
    return house.person("pia", Role.PM)


def test_a_new_team_is_offered_to_the_machine(house: House, pia: Person) -> None:
    made = pia.post("/api/v1/teams", json={"name": " Data ", "description": "Pipelines"})
    assert made.status_code == 201
    assert (made.json()["name"], made.json()["is_active"]) == ("Data", True)
    pia.report()
    assert house.assessor.asked[-1][1] == ("Backend", "Frontend", "Mobile", "DevOps", "Data")


def test_a_renamed_team_keeps_its_bugs_and_people(house: House, pia: Person) -> None:
    dev = house.person("dev", Role.DEVELOPER, team="Backend")
    bug_id = pia.report(team="Backend")["id"]
    assert pia.patch("/api/v1/teams/1", json={"name": "Servers"}).json()["name"] == "Servers"
    assert pia.bug(bug_id)["team"] == "Servers"
    assert dev.get("/api/v1/me").json()["team"] == "Servers"
    assert pia.patch("/api/v1/teams/1", json={"name": "SERVERS"}).json()["name"] == "SERVERS"


def test_a_retired_team_keeps_its_bugs_and_gets_no_more(house: House, pia: Person) -> None:
    bug_id = pia.report(team="Mobile")["id"]
    assert pia.patch("/api/v1/teams/3", json={"is_active": False}).json()["is_active"] is False
    assert pia.bug(bug_id)["team"] == "Mobile"
    answer = pia.post("/report_bug", json={"description": "x", "project": "p", "team": "Mobile"})
    assert answer.json()["code"] == "UnknownReference"
    assert [t["name"] for t in pia.get("/api/v1/teams").json()] == ["Backend", "DevOps", "Frontend", "Mobile"]
    pia.patch("/api/v1/teams/3", json={"is_active": True})
    assert pia.report(team="Mobile")["team"] == "Mobile"


def test_the_last_active_team_stays(pia: Person) -> None:
    for team_id in (1, 2, 3):
        assert pia.patch(f"/api/v1/teams/{team_id}", json={"is_active": False}).status_code == 200
    answer = pia.patch("/api/v1/teams/4", json={"is_active": False})
    assert (answer.status_code, answer.json()["code"]) == (409, "InUse")
    assert pia.patch("/api/v1/teams/1", json={"is_active": False}).status_code == 200  # already was


@pytest.mark.parametrize("noun", ["teams", "projects"])
class TestNames:
    def test_are_taken_once_whatever_their_case(self, pia: Person, noun: str) -> None:
        assert pia.post(f"/api/v1/{noun}", json={"name": "École"}).status_code == 201
        answer = pia.post(f"/api/v1/{noun}", json={"name": "école"})
        assert (answer.status_code, answer.json()["code"]) == (409, "AlreadyExists")
        other = pia.post(f"/api/v1/{noun}", json={"name": "Other"}).json()
        assert pia.patch(f"/api/v1/{noun}/{other['id']}", json={"name": "ÉCOLE"}).status_code == 409

    @pytest.mark.parametrize(
        "body", [{}, {"name": ""}, {"name": " "}, {"name": "x" * 81}, {"name": "a\x00"}, {"name": "a", "x": 1}]
    )
    def test_that_are_none_are_refused(self, pia: Person, noun: str, body: dict[str, Any]) -> None:
        assert pia.post(f"/api/v1/{noun}", json=body).status_code == 422

    def test_of_what_does_not_exist_cannot_change(self, pia: Person, noun: str) -> None:
        answer = pia.patch(f"/api/v1/{noun}/999", json={"name": "x"})
        assert (answer.status_code, answer.json()["code"]) == (404, "NotFound")


def test_projects_are_made_described_and_retired(pia: Person) -> None:
    made = pia.post("/api/v1/projects", json={"name": "Shop"}).json()
    changed = pia.patch(f"/api/v1/projects/{made['id']}", json={"description": "Sells things", "is_active": False})
    assert (changed.json()["description"], changed.json()["is_active"]) == ("Sells things", False)
    actions = [(e["action"], e["subject"]) for e in pia.get("/api/v1/audit").json()["items"]]
    assert actions[:2] == [("project.changed", "project:1"), ("project.created", "project:1")]
