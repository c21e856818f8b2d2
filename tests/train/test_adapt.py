"""Promises of learning from corrections, on reports made up here."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import typer
from tests.ml.trackers import TEAMS, WordEncoder, write_tracker
from typer.testing import CliRunner

from bugflow.cli.adapt import adapt as adapt_command
from bugflow.domain.predictions import BugText, Decision, Task
from bugflow.errors import InvalidFile, TooFewSamples, UnknownLabel
from bugflow.ml.artifact import Artifact, load_artifact, save_artifact
from bugflow.ml.explain import LEARNED
from bugflow.ml.features import extract
from bugflow.ml.predictor import Predictor, answer_all
from bugflow.ml.text import clean
from bugflow.ml.train.adapt import Adapted, adapt
from bugflow.ml.train.corrections import Corrections
from bugflow.ml.train.recipe import Recipe
from bugflow.ml.train.run import train_model

ENCODER = WordEncoder()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    folder = tmp_path_factory.mktemp("base")
    files = [write_tracker(folder / f"t{seed}.parquet", 300, seed=seed) for seed in range(2)]
    return train_model(files, Recipe("team", "team", regularisation=3.0), name="team-1", encoder=ENCODER)


def corrections(n: int, *, words: str = "login token", label: str = "Mobile", project: str = "Shop") -> Corrections:
    """n reports that share some words, and have one label."""
    texts = [
        BugText(f"{words} {number}", f"It fails with {words} again, case {number}", project) for number in range(n)
    ]
    return Corrections(extract([clean(text) for text in texts]), [label] * n, np.ones(n))


def both(one: Corrections, other: Corrections) -> Corrections:
    parts = type(one.features).stack([one.features, other.features])
    return Corrections(parts, [*one.labels, *other.labels], np.concatenate([one.weights, other.weights]))


def learn(base: Artifact, known: Corrections) -> Adapted:
    return adapt(base, known, name="team-2", encoder=ENCODER)


def asked(artifact: Artifact, words: str, *, project: str = "Shop") -> str:
    text = BugText(words, f"It fails with {words} today", project)
    return answer_all(artifact, extract([clean(text)]))[0].label


def test_a_kind_of_bug_that_was_corrected_is_right_from_then_on(base: Artifact) -> None:
    known = both(corrections(40), corrections(40, words="printer paper", label="DevOps"))
    adapted = learn(base, known).artifact
    assert asked(adapted, "login token") == "Mobile"
    assert asked(adapted, "printer paper") == "DevOps"


def test_projects_that_the_base_knows_are_answered_as_before_to_the_last_digit(base: Artifact) -> None:
    adapted = learn(base, corrections(50)).artifact
    texts = [BugText(" ".join(TEAMS[team].split()), "the page again", f"project {n}") for team in TEAMS for n in (0, 1)]
    features = extract([clean(text) for text in texts])
    before, after = (
        model.calibration.answer(model.model.score(features), features.projects)[0] for model in (base, adapted)
    )
    assert np.array_equal(before, after)


def test_a_correction_in_a_known_project_moves_it(base: Artifact) -> None:
    known = corrections(60, project="project 0", words="swipe android", label="DevOps")
    adapted = learn(base, known).artifact
    assert asked(base, "swipe android", project="project 0") == "Mobile"
    assert asked(adapted, "swipe android", project="project 0") == "DevOps"
    assert adapted.model.corrected == {"project 0"}  # type: ignore[union-attr]


def test_what_was_learned_is_the_same_after_saving(
    base: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bugflow.ml.artifact.load_encoder", lambda: ENCODER)
    known = both(corrections(40), corrections(30, project="project 1", words="button", label="Backend"))
    adapted = learn(base, known).artifact
    save_artifact(adapted, tmp_path / "team-2")
    loaded = load_artifact(tmp_path / "team-2")
    features = known.features
    scores = [one.calibration.answer(one.model.score(features), features.projects)[0] for one in (adapted, loaded)]
    assert np.abs(scores[0] - scores[1]).max() < 1e-3  # words' weights are kept in half precision
    again = learn(loaded, known).artifact
    assert again.recipe["base"] == "team-2"


def test_what_corrections_taught_is_one_cue_and_the_sum_holds(base: Artifact) -> None:
    adapted = learn(base, corrections(40)).artifact
    explanation = Predictor({Task.TEAM: adapted}).explain(BugText("login token", "It fails", "Shop"), Task.TEAM)
    assert LEARNED in {contribution.cue for contribution in explanation.contributions}
    total = explanation.intercept + sum(contribution.weight for contribution in explanation.contributions)
    assert total == pytest.approx(explanation.score, abs=1e-6)


def test_corrections_that_the_others_contradict_are_set_aside(base: Artifact) -> None:
    known = both(corrections(60), corrections(60, words="printer paper", label="DevOps"))
    labels = list(known.labels)
    wrong = [3, 17, 40, 70, 99]
    for place in wrong:
        labels[place] = "Frontend"
    adapted = learn(base, replace(known, labels=labels))
    assert set(wrong) <= set(np.flatnonzero(adapted.doubtful).tolist())
    assert asked(adapted.artifact, "login token") == "Mobile"


def test_few_corrections_promise_nothing_and_many_do(base: Artifact) -> None:
    text = BugText("login token", "It fails with login token today", "Shop")
    decisions = [
        answer_all(learn(base, corrections(n)).artifact, extract([clean(text)]))[0].decision for n in (20, 100)
    ]
    assert decisions[0] is not Decision.AUTO
    assert decisions[1] is Decision.AUTO


def test_a_label_that_the_base_does_not_know_is_learned(base: Artifact) -> None:
    known = both(corrections(40, label="Payments"), corrections(40, words="printer paper", label="DevOps"))
    adapted = learn(base, known).artifact
    assert asked(adapted, "login token") == "Payments"
    assert asked(adapted, "printer paper") == "DevOps"
    assert asked(adapted, "swipe android", project="project 0") == "Mobile"


def test_corrections_of_a_severity_move_a_model_less_than_those_of_other_labels(tmp_path: Path) -> None:
    files = [write_tracker(tmp_path / f"t{seed}.parquet", 300, seed=seed) for seed in range(2)]
    for file in files:
        pl.read_parquet(file).with_columns(grade="grade " + pl.col("severity")).write_parquet(file)
    rises = []
    for task, label in (("severity", "critical"), ("grade", "grade critical")):
        model = train_model(files, Recipe(task, task, regularisation=3.0), name=f"{task}-1", encoder=ENCODER)
        known = corrections(30, label=label)
        place = model.model.labels.index(label)
        before, after = (
            one.calibration.answer(one.model.score(known.features), known.features.projects)[0][:, place].mean()
            for one in (model, adapt(model, known, name=f"{task}-2", encoder=ENCODER).artifact)
        )
        rises.append(after - before)
    assert 0.1 < rises[0] < rises[1] - 0.02


def test_a_severity_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    files = [write_tracker(tmp_path / "t.parquet", 200, seed=1)]
    severity = train_model(files, Recipe("severity", "severity", regularisation=3.0), name="severity-1")
    with pytest.raises(UnknownLabel, match="terrible"):
        adapt(severity, corrections(5, label="terrible"), name="severity-2", encoder=ENCODER)


def test_without_a_correction_nothing_is_learned(base: Artifact) -> None:
    with pytest.raises(TooFewSamples, match="no correction"):
        learn(base, corrections(0))


def _app() -> typer.Typer:
    app = typer.Typer()
    app.command()(adapt_command)
    return app


def _write(path: Path, n: int, **columns: object) -> Path:
    rows = {"title": [f"login token {number}" for number in range(n)], "team": ["Mobile"] * n, **columns}
    pl.DataFrame(rows).write_csv(path)
    return path


def test_the_command_adapts_the_shipped_model(tmp_path: Path) -> None:
    file = _write(tmp_path / "corrections.csv", 12)
    given = ["--task", "team", "--corrections", str(file), "--label-column", "team", "--out", str(tmp_path / "models")]
    result = CliRunner().invoke(_app(), given)
    assert result.exit_code == 0, result.output
    assert "adapted by 12 corrections (Mobile 12)" in result.output
    assert load_artifact(tmp_path / "models" / "team-1").recipe["base"] == "team-1"


def test_a_base_of_another_task_or_a_missing_column_is_named(tmp_path: Path) -> None:
    file = _write(tmp_path / "corrections.csv", 3)
    shipped = Path("src/bugflow/models/severity-1").absolute()
    common = ["--corrections", str(file), "--out", str(tmp_path / "models")]
    wrong_task = CliRunner().invoke(
        _app(), ["--task", "team", "--base", str(shipped), "--label-column", "team", *common]
    )
    assert isinstance(wrong_task.exception, TooFewSamples)
    assert "predicts severity" in str(wrong_task.exception)
    missing = CliRunner().invoke(_app(), ["--task", "team", "--label-column", "owner", *common])
    assert isinstance(missing.exception, InvalidFile)
    assert not (tmp_path / "models").exists()


def test_a_retraining_loads_neither_scikit_learn_nor_the_jobs() -> None:
    program = (
        "import sys; import bugflow.worker.learning, bugflow.ml.train.adapt; "
        "print({'sklearn', 'dbos', 'torch', 'fastapi'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
