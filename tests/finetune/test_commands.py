"""Promises of `bugflow train --recipe transformer`, `fine_tune_bert.py` and `bugflow models export-encoder`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer

pytest.importorskip("torch")

from tests.factories import House
from typer.testing import CliRunner, Result

from bugflow.cli import build_app
from bugflow.cli.fine_tune import fine_tune_bert
from bugflow.domain.accounts import Role
from bugflow.domain.predictions import Task
from bugflow.errors import InvalidEncoder, TooFewSamples
from bugflow.ml.artifact import load_artifact
from bugflow.ml.duplicates.search import NoSearch
from bugflow.ml.encoder import load_encoder
from bugflow.schemas.feedback import FeedbackCreate
from bugflow.services import feedback

WITHOUT_TORCH = """
import sys

class Missing:
    def find_spec(self, name, *_):
        if name == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")

sys.meta_path.insert(0, Missing())
from bugflow.cli import main
main()
"""
SCRIPT = Path(__file__).parents[2] / "fine_tune_bert.py"


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(build_app([arguments[0]]), arguments)


@pytest.fixture
def corrected(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """Forty corrected bugs: what is about servers is critical, what is about buttons is low."""
    monkeypatch.setenv("BUGFLOW_DATABASE_URL", house.runtime.settings.database)
    monkeypatch.setenv("BUGFLOW_DATA_DIR", str(tmp_path / "data"))
    pm = house.person("pia", Role.PM).actor
    assert pm is not None
    for number in range(40):
        house.clock.advance(hours=1)
        words, label = (("server query", "critical"), ("button layout", "low"))[number % 2]
        reported = house.report(pm, description=f"the {words} shows wrong data again {'ab' * number}")
        with house.runtime.database.write() as session:
            body = FeedbackCreate(bug_id=reported.id, task=Task.SEVERITY, label=label)
            feedback.give_feedback(session, NoSearch(), actor=pm, body=body, retrain_after=50, now=house.now)
    return house


def run_fine_tune_bert(*arguments: str) -> Result:
    app = typer.Typer()
    app.command()(fine_tune_bert)
    return CliRunner().invoke(app, arguments)


def test_fine_tune_bert_refuses_with_too_few_corrections(corrected: House) -> None:
    command = [sys.executable, str(SCRIPT), "--use-feedback", "--min-samples", "50", "--epochs", "3"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "40 bugs were corrected, at least 50 are asked for" in done.stderr
    refused = run_fine_tune_bert("--use-feedback", "--task", "team")
    assert isinstance(refused.exception, TooFewSamples)


@pytest.mark.slow
def test_fine_tune_bert_trains_on_enough_corrections_and_remembers_its_base(
    corrected: House, base: Path, tmp_path: Path
) -> None:
    asked = ["--use-feedback", "--min-samples", "40", "--epochs", "1", "--out", str(tmp_path / "models")]
    done = run_fine_tune_bert(*asked, "--base", str(base))
    assert done.exit_code == 0, done.output
    artifact = load_artifact(tmp_path / "models" / "severity-1")
    assert artifact.report["data"]["n_by_label"] == {"low": 20, "medium": 0, "high": 0, "critical": 20}
    assert artifact.recipe["base"] == str(base)
    assert f"Saved: {tmp_path / 'models' / 'severity-1'}" in done.output
    assert "40 corrected" in done.output
    changed = {**artifact.recipe, "base": str(tmp_path / "gone")}
    (tmp_path / "models" / "severity-1" / "recipe.json").write_text(json.dumps(changed))
    again = run_fine_tune_bert(*asked)
    assert isinstance(again.exception, InvalidEncoder)  # it took the base that the newest model names
    assert str(tmp_path / "gone") in str(again.exception)


def test_fine_tune_bert_needs_something_to_learn_from() -> None:
    assert "there is nothing to learn from" in run_fine_tune_bert().output
    assert run_fine_tune_bert("--use-feedback", "--recipe", "linear").exit_code == 2


def test_options_of_fine_tuning_are_refused_for_linear_models(tracker: Path, tmp_path: Path) -> None:
    options = ["--task", "owner", "--data", str(tracker), "--label-column", "owner", "--out", str(tmp_path)]
    done = invoke("train", *options, "--base", "somewhere")
    assert done.exit_code == 2
    assert "--base is not for --recipe linear" in " ".join(done.output.split())


def test_an_encoder_that_is_not_there_is_refused(tracker: Path, tmp_path: Path) -> None:
    options = ["--task", "owner", "--data", str(tracker), "--label-column", "owner", "--out", str(tmp_path)]
    done = invoke("train", *options, "--recipe", "transformer", "--base", str(tmp_path / "nothing"))
    assert isinstance(done.exception, InvalidEncoder)
    exported = invoke("models", "export-encoder", str(tmp_path / "nothing"), "--out", str(tmp_path / "encoder"))
    assert isinstance(exported.exception, InvalidEncoder)
    assert not (tmp_path / "encoder").exists()


def test_without_the_extra_fine_tuning_says_what_to_install(tracker: Path, tmp_path: Path) -> None:
    options = ["--task", "owner", "--data", str(tracker), "--label-column", "owner", "--out", str(tmp_path)]
    command = [sys.executable, "-c", WITHOUT_TORCH, "train", *options, "--recipe", "distilbert-quick"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 6
    assert "MissingExtra" in done.stderr
    assert "bugflow[train]" in done.stderr


@pytest.mark.slow
def test_an_exported_encoder_is_read_back(base: Path, tmp_path: Path) -> None:
    done = invoke("models", "export-encoder", str(base), "--out", str(tmp_path / "tiny"), "--max-tokens", "16")
    assert done.exit_code == 0, done.output
    encoder = load_encoder(tmp_path / "tiny")
    first, other = encoder.encode(["server query", "button layout"])
    assert encoder.n_dimensions == 32
    assert float(first @ first) == pytest.approx(1, abs=1e-5)
    assert float(first @ other) < 0.999
