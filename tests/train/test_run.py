"""Promises of a training run, on reports made up here."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import typer
from typer.testing import CliRunner

from bugflow.cli.predict import predict
from bugflow.cli.train import train
from bugflow.errors import AlreadyExists, InvalidTaskName
from bugflow.ml.artifact import load_artifact, save_artifact
from bugflow.ml.train.costs import thin
from bugflow.ml.train.recipe import CANDIDATES, Recipe
from bugflow.ml.train.run import artifact_path, train_model

CUES = {"Backend": "server query", "Frontend": "button layout", "Mobile": "swipe battery"}
FILLER = ("the", "page", "again", "when", "save", "user", "wrong", "shows", "list", "data")


def write_tracker(path: Path, n: int, *, seed: int, noise: float = 0.1) -> Path:
    """Reports whose words give their team away, but for a share of wrong labels."""
    rng = np.random.default_rng(seed)
    start = datetime(2021, 1, 1, tzinfo=UTC)
    rows = []
    for number in range(n):
        team = str(rng.choice(list(CUES)))
        words = [*rng.choice(FILLER, 8), *rng.choice(CUES[team].split(), 2), f"ticket{seed}x{'ab' * (number % 40)}"]
        said = str(rng.choice(list(CUES))) if rng.random() < noise else team
        rows.append(
            {
                "id": str(number),
                "title": " ".join(words[-3:]),
                "description": " ".join(rng.permutation(words)),
                "created": start + timedelta(hours=number),
                "owner": said,
                "severity": "critical" if team == "Mobile" else "low" if said == "Frontend" else "medium",
            }
        )
    pl.DataFrame(rows).write_parquet(path)
    return path


@pytest.fixture(scope="module")
def trackers(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("trackers")
    return [write_tracker(folder / f"t{seed}.parquet", 400, seed=seed) for seed in range(3)]


SETTLED = Recipe("owner", "owner", regularisation=3.0)


def test_a_run_learns_reports_and_calibrates(trackers: list[Path], tmp_path: Path) -> None:
    artifact = train_model(trackers, SETTLED, name="owner-1")
    by_time = artifact.report["by_time"]
    assert by_time["model"]["macro_f1"] > 0.85
    assert by_time["model"]["calibration_error"] < 0.1
    assert by_time["peers"]["majority"]["macro_f1"] < 0.3
    assert "tfidf_lr_balanced" in by_time["peers"]
    assert set(artifact.report["by_source"]) == {"t0", "t1", "t2"}
    assert artifact.calibration.bar(0.8).coverage > 0.5
    for words in ("## Data", "## Split", "Trackers it never saw", "majority", "What a promise is worth"):
        assert words in artifact.card
    save_artifact(artifact, tmp_path / "owner-1")
    assert load_artifact(tmp_path / "owner-1").calibration == artifact.calibration


def test_the_same_data_gives_the_same_bytes(trackers: list[Path], tmp_path: Path) -> None:
    for name in ("first", "second"):
        save_artifact(train_model(trackers[:1], SETTLED, name="owner-1"), tmp_path / name / "owner-1")
    contents = [
        {file.name: file.read_bytes() for file in (tmp_path / name / "owner-1").iterdir()}
        for name in ("first", "second")
    ]
    assert contents[0] == contents[1]


def test_severity_has_all_its_labels_even_if_the_data_lack_one(trackers: list[Path]) -> None:
    artifact = train_model(trackers[:1], Recipe("severity", "severity"), name="severity-1")
    assert artifact.model.labels == ("low", "medium", "high", "critical")
    scores = artifact.report["by_time"]["model"]
    assert scores["per_class"]["high"]["support"] == 0
    assert {"quadratic_kappa", "severe_recall", "severe_precision"} <= set(scores)
    assert "keywords" in artifact.report["by_time"]["peers"]
    assert artifact.recipe["regularisation"] > 0.3  # what is best for 100,000 reports is too strict for 400


def test_sixty_reports_with_two_labels_are_enough(tmp_path: Path) -> None:
    path = write_tracker(tmp_path / "few.parquet", 60, seed=5, noise=0)
    rows = pl.read_parquet(path).with_columns(mobile=(pl.col("owner") == "Mobile").cast(pl.String))
    rows.drop("created").write_csv(tmp_path / "few.csv")
    artifact = train_model([tmp_path / "few.csv"], Recipe("mobile", "mobile"), name="mobile-1")
    assert artifact.model.labels == ("false", "true")
    assert artifact.report["split"].startswith("by a pseudo-random order")
    assert artifact.report["by_time"]["model"]["macro_f1"] > 0.8
    assert artifact.recipe["regularisation"] in CANDIDATES


def test_the_command_trains_saves_and_its_model_predicts(trackers: list[Path], tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(train)
    options = ["--task", "owner", "--data", str(trackers[0]), "--label-column", "owner", "--out", str(tmp_path)]
    done = CliRunner().invoke(app, options)
    assert done.exit_code == 0
    assert "macro-F1" in done.output
    assert f"Saved: {tmp_path / 'owner-1'}" in done.output
    predict(trackers[1], tmp_path / "out.jsonl", model=tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    truth = pl.read_parquet(trackers[1])["owner"].to_list()
    assert np.mean([row["label"] == owner for row, owner in zip(rows, truth, strict=True)]) > 0.85
    again = CliRunner().invoke(app, [*options[:-1], str(tmp_path / "owner-1")])
    assert isinstance(again.exception, AlreadyExists)


def test_models_are_numbered_onwards(tmp_path: Path) -> None:
    assert artifact_path(tmp_path, "team") == tmp_path / "team-1"
    (tmp_path / "team-4").mkdir()
    assert artifact_path(tmp_path, "team") == tmp_path / "team-5"
    assert artifact_path(tmp_path / "team-2", "team") == tmp_path / "team-2"
    with pytest.raises(AlreadyExists):
        artifact_path(tmp_path / "team-4", "team")
    with pytest.raises(InvalidTaskName):
        artifact_path(tmp_path, "../team")


def test_thinning_keeps_the_share_that_the_weight_says() -> None:
    assert thin(np.full(100, 0.3)).sum() == 30
    assert thin(np.ones(5)).all()
