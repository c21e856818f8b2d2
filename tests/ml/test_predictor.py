"""Promises of the one door for serving."""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ml.builders import tiny_artifact

from bugflow.domain.predictions import BugText, Decision, Severity, Source, Task
from bugflow.errors import UnknownLabel
from bugflow.ml.artifact import save_artifact
from bugflow.ml.predictor import Assessor, Predictor, find_newest, load_predictor
from bugflow.ml.rules import RulesPredictor

CRASH = BugText("crash server", "The server stops")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("severity-1", "team-1"):
        save_artifact(tiny_artifact(name), tmp_path / name)
    return tmp_path


def test_both_fields_are_answered_by_the_models(folder: Path) -> None:
    predictor = load_predictor(folder)
    assessment = predictor.assess([CRASH])[0]
    assert (assessment.severity.label, assessment.team.label) == ("critical", "Backend")
    assert assessment.source is Source.MODEL
    assert predictor.versions == {Task.SEVERITY: "severity-1", Task.TEAM: "team-1"}
    assert not predictor.problems
    assert list(assessment.severity.probabilities) == list(Severity)
    assert predictor.coverage(Task.TEAM, promise=0.9) == 0.5


def test_the_newest_model_is_loaded(folder: Path) -> None:
    save_artifact(tiny_artifact("severity-10"), folder / "severity-10")
    (folder / "severity-x").mkdir()
    assert find_newest(folder, Task.SEVERITY) == folder / "severity-10"
    assert load_predictor(folder).versions[Task.SEVERITY] == "severity-10"


@pytest.mark.parametrize("broken", [["severity-1"], ["team-1"], ["severity-1", "team-1"]])
@pytest.mark.parametrize("how", ["missing", "corrupt"])
def test_a_task_without_a_whole_model_is_answered_by_rules_and_says_why(
    folder: Path, broken: list[str], how: str
) -> None:
    for name in broken:
        if how == "missing":
            shutil.rmtree(folder / name)
        else:
            (folder / name / "labels.json").write_text("[]")
    predictor = load_predictor(folder)
    assessment = predictor.assess([CRASH])[0]
    for prediction in assessment.predictions:
        by_rules = f"{prediction.task}-1" in broken
        assert prediction.source is (Source.RULES if by_rules else Source.MODEL)
        assert (prediction.task in predictor.problems) == by_rules
        if by_rules:
            assert prediction.model_version == "rules-1"
            assert prediction.decision is not Decision.AUTO
            assert predictor.coverage(prediction.task, promise=0.9) == 0


def test_a_model_of_another_task_is_refused(folder: Path) -> None:
    shutil.rmtree(folder / "severity-1")
    save_artifact(replace(tiny_artifact("team-1"), name="severity-1"), folder / "severity-1")
    assert "predicts team" in load_predictor(folder).problems[Task.SEVERITY]


def test_retired_teams_get_nothing_and_the_others_share_it(folder: Path) -> None:
    teams = ["DevOps", "Mobile"]
    prediction = load_predictor(folder).assess([CRASH], teams=teams)[0].team
    assert list(prediction.probabilities) == teams
    assert sum(prediction.probabilities.values()) == pytest.approx(1)
    assert prediction.label in teams


def test_a_team_unknown_to_the_model_gets_nothing_and_keeps_it_from_acting(folder: Path) -> None:
    prediction = load_predictor(folder).assess([CRASH], teams=["Backend", "Payments"])[0].team
    assert prediction.probabilities == {"Backend": 1.0, "Payments": 0.0}
    assert prediction.decision is not Decision.AUTO


def test_a_team_list_that_the_model_does_not_know_at_all_asks(folder: Path) -> None:
    prediction = load_predictor(folder).assess([CRASH], teams=["Payments", "Search"])[0].team
    assert prediction.source is Source.RULES
    assert prediction.decision is Decision.ASK
    assert prediction.probabilities == {"Payments": 0.5, "Search": 0.5}


def test_a_higher_promise_acts_less(folder: Path) -> None:
    predictor = load_predictor(folder)
    assert predictor.assess([CRASH])[0].severity.decision is Decision.AUTO
    asked = predictor.assess([CRASH], promises={Task.SEVERITY: 0.999})[0]
    assert asked.severity.decision is not Decision.AUTO
    assert asked.team.decision is Decision.AUTO


@settings(max_examples=50, deadline=None)
@given(st.lists(st.builds(BugText, st.text(max_size=50), st.text(max_size=200)), max_size=4))
def test_no_text_makes_it_fail(texts: list[BugText]) -> None:
    predictor = Predictor({Task.SEVERITY: tiny_artifact(), Task.TEAM: tiny_artifact("team-1")})
    for assessor in (predictor, RulesPredictor()):
        assessments = assessor.assess(texts)
        assert len(assessments) == len(texts)
        for assessment, text in zip(assessments, texts, strict=True):
            for prediction in assessment.predictions:
                assert sum(prediction.probabilities.values()) == pytest.approx(1)
                assert prediction.confidence == prediction.probabilities[prediction.label]
                assert assessor.explain(text, prediction.task).label == prediction.label


def test_another_label_can_be_asked_about_but_not_an_unknown_one(folder: Path) -> None:
    assessors: list[Assessor] = [load_predictor(folder), RulesPredictor()]
    for assessor in assessors:
        assert assessor.explain(CRASH, Task.SEVERITY, label="low").label == "low"
        with pytest.raises(UnknownLabel):
            assessor.explain(CRASH, Task.SEVERITY, label="blocker")


def test_rules_explain_themselves() -> None:
    explanation = RulesPredictor().explain(BugText("Crash in the server query", ""), Task.TEAM)
    assert [contribution.cue for contribution in explanation.contributions] == ["server", "query"]
    assert explanation.score == explanation.intercept + sum(c.weight for c in explanation.contributions)
    assert "answered by keyword rules" in explanation.notes


def test_rules_ask_where_they_found_nothing() -> None:
    assessment = RulesPredictor().assess([BugText("It is odd", "")])[0]
    assert {prediction.decision for prediction in assessment.predictions} == {Decision.ASK}


def test_threads_share_one_predictor(folder: Path) -> None:
    predictor = load_predictor(folder)
    texts = [BugText(title, "") for title in ("crash server", "typo button", "slow docker", "fails android")] * 25
    expected = predictor.assess(texts)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda text: predictor.assess([text])[0], texts)) == expected


def test_serving_imports_nothing_that_only_training_needs() -> None:
    code = (
        "import sys, bugflow.ml.predictor; print(sorted({'sklearn', 'polars', 'torch', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
