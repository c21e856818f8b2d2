"""Reporting: nothing is lost, the machine oversteps nothing, a person's word wins."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from tests.conftest import BOTH
from tests.factories import House, Person

from bugflow.db.tables import Bug, BugEvent, Feedback, IdempotencyKey, Notification, PredictionRow
from bugflow.domain.accounts import Role
from bugflow.domain.predictions import Decision, Task
from bugflow.ml.predictor import load_predictor
from bugflow.ml.rules import RulesPredictor

both = pytest.mark.parametrize("kind", BOTH)


def n_rows(house: House, table: Any) -> int:
    with house.runtime.database.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def overrides(house: House) -> list[tuple[str, str, str]]:
    with house.runtime.database.read() as session:
        rows = session.scalars(select(Feedback).order_by(Feedback.id))
        return [(row.task.value, row.predicted, row.label) for row in rows if row.kind == "override"]


@both
def test_what_the_machine_said_is_kept_as_it_was_said(house: House) -> None:
    ann = house.person("ann")
    bug_id = ann.report("It is slow")["id"]
    severity, team = ann.bug(bug_id)["predictions"]
    assert (severity["task"], severity["label"], severity["model_version"]) == ("severity", "medium", "severity-7")
    assert (team["task"], team["label"], team["decision"], team["source"]) == ("team", "Backend", "auto", "model")
    assert severity["probabilities"]["medium"] == 0.91


def test_the_model_reads_title_description_and_project_and_chooses_among_active_teams(house: House) -> None:
    pia = house.person("pia", Role.PM)
    pia.patch("/api/v1/teams/3", json={"is_active": False})
    pia.report("Words", "Shop", title="A title")
    text, teams = house.assessor.asked[-1]
    assert (text.title, text.description, text.project) == ("A title", "Words", "Shop")
    assert teams == ("Backend", "Frontend", "DevOps")


@both
def test_what_a_reporter_chose_otherwise_is_an_override(house: House) -> None:
    house.assessor.severity, house.assessor.team = "low", "Backend"
    ann = house.person("ann")
    ann.report(severity="high", team="Frontend")
    assert overrides(house) == [("severity", "low", "high"), ("team", "Backend", "Frontend")]


def test_what_a_reporter_chose_alike_is_none(house: House) -> None:
    ann = house.person("ann")
    answer = ann.report(severity="medium", team="backend")
    assert overrides(house) == []
    assert (answer["team"], answer["severity_set_by"], answer["team_set_by"]) == ("Backend", "person", "person")


class TestCritical:
    @pytest.fixture(autouse=True)
    def _sure_of_critical(self, house: House) -> None:
        house.assessor.severity = "critical"

    def test_is_not_set_by_the_machine(self, house: House) -> None:
        ann = house.person("ann")
        answer = ann.report()
        assert (answer["severity"], answer["severity_set_by"], answer["needs_review"]) == ("high", "machine", True)
        assert answer["predictions"]["severity"]["label"] == "critical"
        assert ann.bug(answer["id"])["predictions"][0]["label"] == "critical"

    def test_is_set_by_the_machine_where_the_pm_allows_it(self, build: Callable[..., House]) -> None:
        house = build(machine_sets_critical=True)
        answer = house.person("ann").report()
        assert (answer["severity"], answer["needs_review"]) == ("critical", False)

    def test_is_set_by_a_person(self, house: House) -> None:
        answer = house.person("ann").report(severity="critical")
        assert (answer["severity"], answer["severity_set_by"], answer["needs_review"]) == ("critical", "person", False)
        assert overrides(house) == []


@pytest.mark.parametrize("decision", list(Decision))
@pytest.mark.parametrize("task", list(Task))
def test_a_value_that_the_machine_is_unsure_of_needs_a_look(house: House, task: Task, decision: Decision) -> None:
    house.assessor.unsure(task, decision)
    ann = house.person("ann")
    assert ann.report()["needs_review"] is (decision is not Decision.AUTO)
    other = {"severity": "low"} if task is Task.SEVERITY else {"team": "Mobile"}
    assert ann.report(**other)["needs_review"] is False  # a person said it


class TestWithoutAModel:
    @both
    def test_a_report_is_saved_and_says_so(self, build: Callable[..., House]) -> None:
        house = build(predictor=RulesPredictor())
        ann = house.person("ann")
        answer = ann.report("The docker deployment crashes with data loss")
        assert answer["source"] == "rules"
        bug = ann.bug(answer["id"])
        assert (bug["severity"], bug["team"], bug["needs_review"]) == ("high", "DevOps", True)
        assert {said["source"] for said in bug["predictions"]} == {"rules"}
        assert {said["model_version"] for said in bug["predictions"]} == {"rules-1"}
        assert all(said["decision"] != "auto" for said in bug["predictions"])

    def test_a_missing_folder_is_no_reason_to_fail(self, build: Callable[..., House], tmp_path: Path) -> None:
        house = build(predictor=load_predictor(tmp_path / "nowhere"))
        said = house.person("ann").post("/predict", json={"description": "Crash in the api"}).json()
        assert (said["source"], said["model_version"]) == ("rules", "rules-1")
        ready = house.client.get("/readyz")
        assert ready.status_code == 200
        assert ready.json()["models"] == {"severity": "rules-1", "team": "rules-1"}
        assert "There is no severity model" in ready.json()["problems"]["severity"]

    @pytest.mark.parametrize("damage", ["", "{", "{}", '{"format": "pickle"}'])
    def test_a_corrupt_model_is_refused_and_rules_answer(
        self, build: Callable[..., House], tmp_path: Path, damage: str
    ) -> None:
        (tmp_path / "severity-1").mkdir()
        (tmp_path / "severity-1" / "MANIFEST.json").write_text(damage)
        house = build(predictor=load_predictor(tmp_path))
        answer = house.person("ann").report("A typo")
        assert answer["source"] == "rules"
        assert "severity-1" in house.client.get("/readyz").json()["problems"]["severity"]

    def test_teams_that_the_rules_do_not_know_are_asked_for(self, build: Callable[..., House]) -> None:
        house = build(predictor=RulesPredictor())
        pia = house.person("pia", Role.PM)
        pia.post("/api/v1/teams", json={"name": "Firmware"})
        for team_id in range(1, 5):
            pia.patch(f"/api/v1/teams/{team_id}", json={"is_active": False})
        answer = pia.report("The docker deployment crashes")
        assert (answer["team"], answer["needs_review"]) == ("Firmware", True)


def test_an_explanation_adds_up(house: House) -> None:
    ann = house.person("ann")
    words = " ".join(f"word{n}" for n in range(30))
    said = ann.post("/predict", params={"explain": True}, json={"description": words}).json()
    bug_id = ann.report(words)["id"]
    for explained in (*said["explanation"], *ann.get(f"/api/v1/bugs/{bug_id}/explanation").json()):
        shown = sum(cue["weight"] for cue in explained["contributions"])
        total = explained["intercept"] + shown + explained["hidden_weight"]
        assert total == pytest.approx(explained["score"])
        assert (len(explained["contributions"]), explained["n_hidden"]) == (20, 10)
    assert [explained["task"] for explained in said["explanation"]] == ["severity", "team"]
    assert ann.get("/api/v1/bugs/99/explanation").status_code == 404


def test_a_bug_is_explained_from_what_it_was_predicted_from(house: House) -> None:
    ann = house.person("ann")
    bug_id = ann.report("It crashes\nand burns", project="Core")["id"]
    predicted_from = house.assessor.asked[-1][0]
    ann.get(f"/api/v1/bugs/{bug_id}/explanation")
    assert {text for text, _ in house.assessor.asked[-2:]} == {predicted_from}
    assert predicted_from.project == "Core"


def test_a_prediction_saves_nothing(house: House) -> None:
    house.person("ann").post("/predict", json={"description": "It crashes"})
    assert (n_rows(house, Bug), n_rows(house, PredictionRow)) == (0, 0)


@both
@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"team": "Nowhere"}, "UnknownReference"),
        ({"assigned_to_id": 999}, "UnknownReference"),
        ({"assigned_to_id": 2**63 - 1}, "UnknownReference"),
        ({"severity": "urgent"}, "MalformedRequest"),
        ({"description": " \n "}, "MalformedRequest"),
        ({"description": "x" * 100_001}, "MalformedRequest"),
        ({"project": ""}, "MalformedRequest"),
        ({"project": "x" * 81}, "MalformedRequest"),
        ({"title": "x" * 301}, "MalformedRequest"),
        ({"priority": "high"}, "MalformedRequest"),
        ({"assigned_to_id": 0}, "MalformedRequest"),
        ({"assigned_to_id": 2**63}, "MalformedRequest"),
        ({"assigned_to_id": "nobody"}, "MalformedRequest"),
    ],
)
def test_a_report_that_does_not_fit_leaves_nothing(house: House, given: dict[str, Any], code: str) -> None:
    ann = house.person("ann")
    answer = ann.post("/report_bug", json={"description": "It crashes", "project": "New", **given})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert (n_rows(house, Bug), ann.get("/api/v1/projects").json()) == (0, [])


def test_a_retired_project_takes_no_bugs(house: House) -> None:
    pia = house.person("pia", Role.PM)
    pia.report(project="Old")
    pia.patch("/api/v1/projects/1", json={"is_active": False})
    assert pia.post("/report_bug", json={"description": "x", "project": "old"}).json()["code"] == "UnknownReference"


def test_a_project_is_one_whatever_its_case_and_spaces(house: House) -> None:
    ann = house.person("ann")
    for name in ("Web App", "web app", "  Web   App ", "WEB APP"):
        ann.report(project=name)
    assert [project["name"] for project in ann.get("/api/v1/projects").json()] == ["Web App"]


def test_the_longest_report_is_taken(house: House) -> None:
    ann = house.person("ann")
    bug_id = ann.report("ü" * 100_000, "p" * 80, title="t" * 300)["id"]
    assert len(ann.bug(bug_id)["description"]) == 100_000


class TestIdempotencyKey:
    BODY = {"description": "It crashes", "project": "Shop"}  # noqa: RUF012

    def ask(self, person: Person, key: str, **given: Any) -> Any:
        return person.post("/report_bug", json={**self.BODY, **given}, headers={"Idempotency-Key": key})

    @both
    def test_a_repeated_request_reports_one_bug(self, house: House) -> None:
        house.assessor.severity = "critical"
        house.person("pia", Role.PM)
        ann = house.person("ann")
        first, second = self.ask(ann, "k-1"), self.ask(ann, "k-1")
        assert (first.status_code, second.status_code) == (201, 201)
        assert first.json() == second.json()
        assert (n_rows(house, Bug), n_rows(house, BugEvent), n_rows(house, Notification)) == (1, 1, 1)

    @both
    def test_requests_at_the_same_moment_report_one_bug(self, house: House) -> None:
        ann = house.person("ann")
        with ThreadPoolExecutor(5) as pool:
            answers = list(pool.map(lambda _: self.ask(ann, "same"), range(5)))
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert n_rows(house, Bug) == 1

    def test_another_request_under_the_same_key_is_refused(self, house: House) -> None:
        ann = house.person("ann")
        self.ask(ann, "k-1")
        answer = self.ask(ann, "k-1", description="It burns")
        assert (answer.status_code, answer.json()["code"]) == (409, "IdempotencyKeyReused")
        assert n_rows(house, Bug) == 1

    def test_keys_are_each_persons_own(self, house: House) -> None:
        self.ask(house.person("ann"), "k-1")
        assert self.ask(house.person("ben"), "k-1", description="It burns").status_code == 201

    def test_a_request_that_failed_frees_its_key(self, house: House) -> None:
        ann = house.person("ann")
        assert self.ask(ann, "k-1", team="Nowhere").status_code == 422
        assert n_rows(house, IdempotencyKey) == 0
        assert self.ask(ann, "k-1").status_code == 201

    def test_another_key_is_another_bug(self, house: House) -> None:
        ann = house.person("ann")
        assert self.ask(ann, "a").json()["id"] != self.ask(ann, "b").json()["id"]

    @pytest.mark.parametrize("key", ["", "x" * 201, "with space", "é"])
    def test_a_bad_key_is_refused(self, house: House, key: str) -> None:
        ann = house.person("ann")
        headers: Any = {"Idempotency-Key": key.encode("latin-1")}
        assert ann.post("/report_bug", json=self.BODY, headers={**headers}).status_code == 422
