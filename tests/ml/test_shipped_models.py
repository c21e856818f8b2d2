"""Promises of the models that come with BugFlow."""

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from bugflow.domain.predictions import BugText, Decision, Task
from bugflow.ml.artifact import EVALUATION, load_artifact
from bugflow.ml.classifier import LinearModel
from bugflow.ml.metrics import macro_f1
from bugflow.ml.predictor import SHIPPED_MODELS, load_predictor
from bugflow.ml.reports import read_reports, to_texts
from bugflow.ml.text import clean

PREDICTOR = load_predictor()
DATA = Path(os.environ.get("BUGFLOW_BENCH_DATA", "../shared/data")) / "bugs"
needs_data = pytest.mark.skipif(
    not DATA.is_dir() and os.environ.get("CI") != "true",
    reason="the real bug reports are not here: set BUGFLOW_BENCH_DATA",
)


def test_both_models_are_whole_and_small() -> None:
    assert PREDICTOR.problems == {}
    size_bytes = {
        folder.name: sum(file.stat().st_size for file in folder.iterdir())
        for folder in SHIPPED_MODELS.iterdir()
        if folder.is_dir()
    }
    assert sum(size_bytes.values()) < 40e6
    assert sum(size_bytes[PREDICTOR.versions[task]] for task in Task) < 12e6


@pytest.mark.parametrize("task", list(Task))
def test_the_card_names_sources_splits_peers_and_limits(task: Task) -> None:
    artifact = load_artifact(SHIPPED_MODELS / PREDICTOR.versions[task])
    assert artifact.card.startswith(f"# {artifact.name}\n")
    for words in ("xamarin/bugzilla-archives", "licence", "by time", "majority", "keywords", "never saw", "Limits"):
        assert words in artifact.card
    by_time = artifact.report["by_time"]
    assert by_time["model"]["macro_f1"] > by_time["peers"]["keywords"]["macro_f1"]
    assert by_time["model"]["calibration_error"] <= 0.06  # 0.05 is wanted; severity scales of projects drift


@pytest.mark.parametrize("task", list(Task))
def test_frozen_rows_come_with_each_and_are_as_hard_as_the_test_slice_was(task: Task) -> None:
    folder = SHIPPED_MODELS / PREDICTOR.versions[task]
    assert (folder / EVALUATION).stat().st_size <= 2.5e6
    artifact = load_artifact(folder)
    rows, model = artifact.evaluation, artifact.model
    assert rows is not None
    assert isinstance(model, LinearModel)
    assert rows.n == 1_500
    projects = rows.names(artifact.calibration)
    _, answers = artifact.calibration.answer(rows.score(model, projects), projects)
    measured = artifact.report["by_time"]["model"]["accuracy"]
    assert float((answers == rows.truth).mean()) == pytest.approx(measured, abs=0.05)


@pytest.mark.parametrize("task", list(Task))
def test_real_explanations_add_up_to_the_score(task: Task) -> None:
    text = BugText(
        "App crashes when I rotate the phone", "1. open it\n2. rotate\njava.lang.NullPointerException in onDraw", "Hive"
    )
    explanation = PREDICTOR.explain(text, task)
    total = explanation.intercept + sum(contribution.weight for contribution in explanation.contributions)
    assert total == pytest.approx(explanation.score, abs=1e-6)
    assert "project: hive" in {contribution.cue for contribution in explanation.contributions}


def test_plain_reports_go_where_anyone_would_send_them() -> None:
    texts = [
        BugText("Android app crashes on rotation", "The activity stops when the phone is rotated."),
        BugText("Button label is cut off in the sidebar", "The css width is too small, the text overflows."),
        BugText("NullPointerException in query planner", "The server fails on joins with three tables."),
    ]
    teams = [assessment.team.label for assessment in PREDICTOR.assess(texts)]
    assert teams == ["Mobile", "Frontend", "Backend"]


def test_an_empty_report_is_not_acted_on() -> None:
    assessment = PREDICTOR.assess([BugText("", "")])[0]
    assert {prediction.decision for prediction in assessment.predictions} <= {Decision.SUGGEST, Decision.ASK}


@pytest.mark.data
@needs_data
@pytest.mark.parametrize(("tracker", "floor"), [("titanium", 0.35), ("xamarin", 0.65)])
def test_teams_of_real_reports_are_recognised(tracker: str, floor: float) -> None:
    # a check that data and model fit together, not a measurement: the model has seen these reports
    frame = read_reports(DATA / f"{tracker}.parquet").sort("created")
    frame = frame.filter(pl.col("team_strength") == "strong").tail(1_500)
    labels = sorted(set(frame["team"]))
    answers = [assessment.team.label for assessment in PREDICTOR.assess(to_texts(frame))]
    known = {label: place for place, label in enumerate(sorted({*labels, *answers}))}
    truth = np.asarray([known[label] for label in frame["team"]])
    said = np.asarray([known[label] for label in answers])
    assert macro_f1(truth, said, n_labels=len(known)) > floor


@pytest.mark.data
@needs_data
def test_cleaning_real_reports_twice_changes_nothing() -> None:
    for path in sorted(DATA.glob("*.parquet")):
        for text in to_texts(read_reports(path).head(150)):
            once = clean(text)
            twice = clean(BugText(once.title, once.description))
            assert (twice.title, twice.description) == (once.title, once.description)
