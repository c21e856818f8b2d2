"""The four paths of the requirements document, with its bodies and its answers."""

import pytest
from tests.conftest import BOTH
from tests.factories import PASSWORD, House

pytestmark = pytest.mark.parametrize("kind", BOTH)


def test_a_token_is_given_for_a_user_name_and_password(house: House) -> None:
    house.person("user@example.com")
    answer = house.client.post("/token", json={"username": "user@example.com", "password": PASSWORD})
    assert answer.status_code == 200
    assert answer.json()["token_type"] == "bearer"
    assert set(answer.json()) == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert answer.json()["expires_in"] == 1800
    me = house.client.get("/api/v1/me", headers={"Authorization": f"Bearer {answer.json()['access_token']}"})
    assert me.json()["username"] == "user@example.com"


def test_a_token_is_given_for_the_oauth2_form(house: House) -> None:
    house.person("user@example.com")
    form = {"grant_type": "password", "username": "user@example.com", "password": PASSWORD, "scope": ""}
    answer = house.client.post("/token", data=form)
    assert answer.status_code == 200
    assert answer.json()["token_type"] == "bearer"


def test_a_prediction_names_severity_and_team(house: House) -> None:
    house.assessor.severity, house.assessor.team = "high", "Frontend"
    body = {"description": "Login button crashes the app", "project": "WebApp"}
    answer = house.person("ann").post("/predict", json=body)
    assert answer.status_code == 200
    said = answer.json()
    assert (said["severity"], said["team"]) == ("high", "Frontend")
    assert said["source"] == "model"
    assert said["model_version"] == "severity-7+team-7"
    severity = said["predictions"]["severity"]
    assert (severity["label"], severity["confidence"], severity["decision"]) == ("high", 0.91, "auto")
    assert sum(severity["probabilities"].values()) == pytest.approx(1)
    assert severity["top"][0]["label"] == "high"
    assert said["explanation"] is None


def test_a_report_is_saved_with_what_the_reporter_chose(house: House) -> None:
    ann, ben = house.person("ann"), house.person("ben", "developer", team="Backend")
    body = {
        "description": "Orders vanish",
        "project": "Shop",
        "severity": "high",
        "team": "Backend",
        "assigned_to_id": ben.id,
    }
    answer = ann.post("/report_bug", json=body)
    assert answer.status_code == 201
    assert answer.json()["message"] == "Bug reported"
    bug = ann.bug(answer.json()["id"])
    assert (bug["severity"], bug["team"], bug["project"]) == ("high", "Backend", "Shop")
    assert bug["assigned_to"]["username"] == "ben"
    assert (bug["severity_set_by"], bug["team_set_by"]) == ("person", "person")


def test_a_report_of_description_and_project_alone_is_triaged(house: House) -> None:
    house.assessor.severity, house.assessor.team = "low", "Mobile"
    ann = house.person("ann")
    bug = ann.bug(ann.report("A typo on the start page", "App")["id"])
    assert (bug["severity"], bug["team"]) == ("low", "Mobile")
    assert (bug["severity_set_by"], bug["team_set_by"]) == ("machine", "machine")
    assert bug["title"] == "A typo on the start page"


def test_an_update_moves_corrects_and_counts(house: House) -> None:
    bug_id = house.person("ann").report()["id"]
    body = {
        "bug_id": bug_id,
        "status": "in_progress",
        "correction_severity": "critical",
        "correction_team": "DevOps",
    }
    pm = house.person("pia", "pm")
    answer = pm.post("/update_bug", json=body)
    assert answer.status_code == 200
    assert answer.json() == {
        "message": "Bug updated (AI Feedback Recorded)",
        "feedback_count": 2,
        "retraining": None,
        "n_new_suggestions": 0,
        "n_similar_waiting": 0,
    }
    bug = pm.bug(bug_id)
    assert (bug["status"], bug["severity"], bug["team"]) == ("in_progress", "critical", "DevOps")


def test_no_change_leaves_values_alone_and_says_so(house: House) -> None:
    bug_id = house.person("ann").report()["id"]
    pm = house.person("pia", "pm")
    body = {
        "bug_id": bug_id,
        "status": "No Change",
        "correction_severity": "No Change",
        "correction_team": None,
        "note": "Looked at it",
    }
    answer = pm.post("/update_bug", json=body)
    said = {"message": "Bug updated", "feedback_count": 0, "retraining": None}
    assert answer.json() == {**said, "n_new_suggestions": 0, "n_similar_waiting": 0}
    bug = pm.bug(bug_id)
    assert (bug["status"], bug["severity"], bug["team"]) == ("open", "medium", "Backend")
    assert bug["n_comments"] == 1
