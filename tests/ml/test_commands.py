"""Promises of `bugflow predict`, `explain` and `models`."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import typer
from tests.ml.builders import tiny_artifact
from typer.testing import CliRunner

from bugflow.cli import models
from bugflow.cli.explain import explain
from bugflow.cli.predict import predict
from bugflow.errors import ArtifactCorrupt, InvalidFile
from bugflow.ml import predictor
from bugflow.ml.artifact import save_artifact


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shipped = tmp_path / "models"
    for name in ("severity-1", "team-1"):
        save_artifact(tiny_artifact(name), shipped / name)
    monkeypatch.setattr(predictor, "SHIPPED_MODELS", shipped)
    monkeypatch.setattr(models, "SHIPPED_MODELS", shipped)
    return shipped


@pytest.fixture
def bugs(tmp_path: Path) -> Path:
    path = tmp_path / "bugs.csv"
    pl.DataFrame(
        {"id": ["2", "1", "3"], "title": ["crash server", "typo button", ""], "description": ["", "", None]}
    ).write_csv(path)
    return path


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_predict_writes_one_object_a_report_in_order(folder: Path, bugs: Path, tmp_path: Path) -> None:
    predict(bugs, tmp_path / "out.jsonl")
    rows = _lines(tmp_path / "out.jsonl")
    assert [row["id"] for row in rows] == ["2", "1", "3"]
    assert list(rows[0]) == [
        "id", "severity", "severity_probabilities", "severity_decision",
        "team", "team_probabilities", "team_decision",
    ]  # fmt: skip
    assert (rows[0]["severity"], rows[0]["team"]) == ("critical", "Backend")
    assert rows[0]["severity_decision"] == "auto"
    assert list(rows[0]["severity_probabilities"]) == ["low", "medium", "high", "critical"]
    assert sum(rows[2]["team_probabilities"].values()) == pytest.approx(1, abs=1e-5)


def test_predict_takes_a_model_of_ones_own(bugs: Path, tmp_path: Path, folder: Path) -> None:
    predict(bugs, tmp_path / "out.jsonl", model=folder / "team-1")
    rows = _lines(tmp_path / "out.jsonl")
    assert list(rows[0]) == ["id", "label", "probabilities", "decision"]
    assert [row["label"] for row in rows[:2]] == ["Backend", "Frontend"]


def test_predict_leaves_no_half_written_file(bugs: Path, tmp_path: Path, folder: Path) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("before")
    (folder / "team-1" / "labels.json").write_text("[]")
    with pytest.raises(ArtifactCorrupt):
        predict(bugs, out, model=folder / "team-1")
    assert out.read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bugs.csv", "models", "out.jsonl"]


def test_predict_names_a_missing_id_and_a_missing_folder(bugs: Path, tmp_path: Path, folder: Path) -> None:
    (tmp_path / "no_id.csv").write_text("id,title\n1,a\n,b\n")
    with pytest.raises(InvalidFile, match="row 2, column id"):
        predict(tmp_path / "no_id.csv", tmp_path / "out.jsonl")
    with pytest.raises(InvalidFile, match="does not exist"):
        predict(bugs, tmp_path / "nowhere" / "out.jsonl")


def test_predict_says_when_rules_answered(
    folder: Path, bugs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "severity-1" / "labels.json").write_text("[]")
    predict(bugs, tmp_path / "out.jsonl")
    assert "severity: answered by keyword rules" in capsys.readouterr().err
    assert _lines(tmp_path / "out.jsonl")[0]["severity_decision"] == "suggest"


def test_explain_shows_parts_that_add_up(folder: Path) -> None:
    app = typer.Typer()
    app.command()(explain)
    shown = CliRunner().invoke(app, ["crash in server"]).output
    assert "severity: critical" in shown
    assert "title: crash" in shown
    assert "without *title: crash*: medium" in shown


def test_models_are_listed_described_and_verified(folder: Path) -> None:
    run = CliRunner()
    listed = run.invoke(models.app, ["list"]).output
    assert "severity-1" in listed
    assert "whole" in listed
    assert run.invoke(models.app, ["card", "team-1"]).output == "# team-1\n\n"
    verified = run.invoke(models.app, ["verify"]).output
    assert verified.startswith("severity-1: whole\nteam-1: whole\nminilm-l6-v2-")
    (folder / "team-1" / "card.md").write_text("# better\n")
    assert "refused" in run.invoke(models.app, ["list"]).output
    assert isinstance(run.invoke(models.app, ["verify"]).exception, ArtifactCorrupt)
