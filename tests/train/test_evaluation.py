"""Promises of the frozen evaluation rows: honest, small, checked, carried on, and never text."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save
from tests.ml.trackers import TEAMS, WordEncoder, write_tracker
from tests.train.test_adapt import both, corrections

from bugflow.domain.predictions import BugText
from bugflow.errors import ArtifactCorrupt
from bugflow.ml.artifact import EVALUATION, Artifact, load_artifact, save_artifact
from bugflow.ml.evaluation import MAX_BYTES, STRANGER, EvaluationRows, check_rows, describe, most_rows
from bugflow.ml.features import extract
from bugflow.ml.folder import MANIFEST, to_json
from bugflow.ml.text import clean
from bugflow.ml.train.adapt import adapt
from bugflow.ml.train.recipe import Recipe
from bugflow.ml.train.run import train_model
from bugflow.services.training.comparison import compare_frozen

ENCODER = WordEncoder()
RECIPE = Recipe("team", "team", regularisation=3.0)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("trackers")
    return [write_tracker(folder / f"t{seed}.parquet", 300, seed=seed) for seed in range(2)]


@pytest.fixture(scope="module")
def base(files: list[Path]) -> Artifact:
    return train_model(files, RECIPE, name="team-1", encoder=ENCODER)


@pytest.fixture(autouse=True)
def _encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bugflow.ml.artifact.load_encoder", lambda: ENCODER)


def rows_of(artifact: Artifact) -> EvaluationRows:
    assert artifact.evaluation is not None
    return artifact.evaluation


def answer(artifact: Artifact, projects: list[str] | None = None) -> np.ndarray[Any, Any]:
    rows = rows_of(artifact)
    projects = projects or rows.names(artifact.calibration)
    return artifact.calibration.answer(rows.score(artifact.model, projects), projects)[1]  # type: ignore[arg-type]


def test_rows_are_of_the_test_slice_and_scored_by_the_model_that_had_not_seen_them(base: Artifact) -> None:
    rows, measured = rows_of(base), base.report["by_time"]["model"]
    assert rows.n == measured["n"] == base.report["evaluation"]["n"]
    assert base.report["evaluation"]["n_of_known_projects"] == rows.n
    accuracy = float((answer(base) == rows.truth).mean())
    assert accuracy == pytest.approx(measured["accuracy"], abs=0.05)  # the calibration is that of the saved model
    assert "## Frozen evaluation rows" in base.card
    assert f"{rows.n} of the test reports" in base.card


def test_the_same_reports_give_the_same_bytes(base: Artifact, files: list[Path], tmp_path: Path) -> None:
    again = train_model(files, RECIPE, name="team-1", encoder=ENCODER)
    for name, artifact in (("a", base), ("b", again)):
        save_artifact(artifact, tmp_path / name / "team-1")
    first, second = ((tmp_path / name / "team-1" / EVALUATION).read_bytes() for name in "ab")
    assert first == second


def test_saved_rows_say_the_same_and_hold_no_text(base: Artifact, files: list[Path], tmp_path: Path) -> None:
    save_artifact(base, tmp_path / "team-1")
    loaded = load_artifact(tmp_path / "team-1")
    assert np.array_equal(answer(loaded), answer(base))
    content = (tmp_path / "team-1" / EVALUATION).read_bytes()
    assert set(load(content)) == {"words", "meaning", "vectors", "projects", "truth"}
    assert all(array.dtype in (np.float16, np.int16) for array in load(content).values())
    assert not any(word.encode() in content for words in TEAMS.values() for word in words.split())


def test_a_model_of_words_alone_has_none_and_is_whole(files: list[Path], tmp_path: Path) -> None:
    words = train_model(files, RECIPE, name="team-1")
    assert words.evaluation is None
    assert "Frozen" not in words.card
    save_artifact(words, tmp_path / "team-1")
    loaded = load_artifact(tmp_path / "team-1")
    assert loaded.evaluation is None
    assert compare_frozen(loaded, loaded) is None


def test_an_adapted_model_carries_the_rows_on_unchanged(base: Artifact, tmp_path: Path) -> None:
    known = both(corrections(40, label="Payments"), corrections(40, words="printer paper", label="DevOps"))
    adapted = adapt(base, known, name="team-2", encoder=ENCODER).artifact
    save_artifact(adapted, tmp_path / "team-2")
    again = adapt(load_artifact(tmp_path / "team-2"), known, name="team-3", encoder=ENCODER).artifact
    save_artifact(again, tmp_path / "team-3")
    save_artifact(base, tmp_path / "team-1")
    contents = {(tmp_path / name / EVALUATION).read_bytes() for name in ("team-1", "team-2", "team-3")}
    assert len(contents) == 1
    assert np.array_equal(answer(adapted), answer(base)), "nobody corrected the projects that the base knows"
    assert (answer(adapted, [STRANGER] * rows_of(adapted).n) < 5).all(), "the new label is one of them"


def test_nothing_changed_is_nothing_lost(base: Artifact) -> None:
    frozen = compare_frozen(base, base)
    assert frozen is not None
    assert frozen.known.champion == frozen.known.candidate
    assert (frozen.only_champion, frozen.only_candidate, frozen.macro_f1[2]) == (0, 0, 0.0)
    assert frozen.strangers.champion == frozen.strangers.candidate
    assert sum(found.n for found in frozen.recalls.values()) == frozen.known.n == frozen.strangers.n


def test_what_corrections_do_to_a_known_project_is_seen_there(base: Artifact) -> None:
    """Every team of a project that the base knows is called by another one's name."""
    wrong = dict(zip(TEAMS, [*list(TEAMS)[1:], "Backend"], strict=True))
    texts, labels = [], []
    for number in range(200):
        team = list(TEAMS)[number % 4]
        texts.append(BugText(f"{TEAMS[team]} {number}", f"the page {TEAMS[team]} again", "project 0"))
        labels.append(wrong[team])
    known = replace(corrections(200), features=extract([clean(text) for text in texts]), labels=labels)
    adapted = adapt(base, known, name="team-2", encoder=ENCODER).artifact
    frozen = compare_frozen(adapted, base)
    assert frozen is not None
    assert frozen.known.candidate < 0.8 * frozen.known.champion
    assert frozen.macro_f1[1] < frozen.macro_f1[0]
    assert frozen.macro_f1[2] < 0
    assert frozen.strangers.candidate < frozen.strangers.champion


def test_how_common_a_label_is_elsewhere_may_change_but_not_what_words_mean(base: Artifact) -> None:
    adapted = adapt(base, corrections(300), name="team-2", encoder=ENCODER).artifact
    rows = rows_of(adapted)
    strangers = [STRANGER] * rows.n
    before, after = (float((answer(one, strangers) == rows.truth).mean()) for one in (base, adapted))
    frozen = compare_frozen(adapted, base)
    assert frozen is not None
    assert after < before - 0.1, "everything else is Mobile there"
    assert frozen.strangers.candidate > frozen.strangers.champion - 0.1 * rows.n


def test_vectors_of_another_encoder_are_not_compared(base: Artifact) -> None:
    adapted = adapt(base, corrections(40), name="team-2", encoder=ENCODER).artifact
    other = replace(adapted, evaluation=replace(rows_of(adapted), encoder="words-2"))
    assert compare_frozen(other, base) is None


def test_rows_never_take_more_than_the_file_may() -> None:
    assert most_rows(4, 384) == 1_500
    n = most_rows(400, 384)
    assert 500 < n < 1_500
    assert n * (4 * 400 + 2 * 384 + 4) <= MAX_BYTES


def made_up(**changes: object) -> dict[str, np.ndarray[Any, Any]]:
    tensors: dict[str, np.ndarray[Any, Any]] = {
        "words": np.zeros((6, 4), np.float16),
        "meaning": np.zeros((6, 4), np.float16),
        "vectors": np.ones((6, 8), np.float16),
        "projects": np.asarray([-1, 0, 1, 1, 0, -1], np.int16),
        "truth": np.asarray([0, 1, 2, 3, 0, 1], np.int16),
    }
    return {**tensors, **changes}  # type: ignore[dict-item]


def check(tensors: dict[str, np.ndarray[Any, Any]]) -> EvaluationRows:
    described = {
        "encoder": "words-1",
        "tensors": {name: {"shape": list(array.shape), "dtype": str(array.dtype)} for name, array in tensors.items()},
    }
    return check_rows(tensors, described, n_labels=4, n_projects=2)


@pytest.mark.parametrize(
    "changes",
    [
        {"truth": np.asarray([0, 1, 2, 4, 0, 1], np.int16)},
        {"truth": np.asarray([0, 1, 2, -1, 0, 1], np.int16)},
        {"truth": np.asarray([0, 1, 2, 3, 0, 1], np.int64)},
        {"truth": np.asarray([0, 1], np.int16)},
        {"projects": np.asarray([-1, 0, 1, 2, 0, -1], np.int16)},
        {"projects": np.asarray([-2, 0, 1, 1, 0, -1], np.int16)},
        {"words": np.full((6, 4), np.nan, np.float16)},
        {"words": np.zeros((6, 5), np.float16), "meaning": np.zeros((6, 5), np.float16)},
        {"meaning": np.zeros((6, 3), np.float16)},
        {"vectors": np.zeros((5, 8), np.float16)},
        {"vectors": np.ones((6, 8), np.float32)},
        {"titles": np.zeros(6, np.int16)},
        {"vectors": np.ones((6, MAX_BYTES // 12 + 1), np.float16)},
    ],
)
def test_rows_that_no_training_gives_are_refused(changes: dict[str, object]) -> None:
    check(made_up())
    with pytest.raises(ValueError, match=r"."):
        check(made_up(**changes))


def test_a_folder_whose_rows_do_not_fit_its_labels_is_corrupt(base: Artifact, tmp_path: Path) -> None:
    rows = rows_of(base)
    truth = rows.truth.copy()
    truth[0] = 9
    save_artifact(replace(base, evaluation=replace(rows, truth=truth)), tmp_path / "team-1")
    with pytest.raises(ArtifactCorrupt):
        load_artifact(tmp_path / "team-1")


def test_rows_that_the_manifest_does_not_name_are_refused(base: Artifact, tmp_path: Path) -> None:
    save_artifact(replace(base, evaluation=None), tmp_path / "team-1")
    (tmp_path / "team-1" / EVALUATION).write_bytes(save(rows_of(base).tensors()))
    with pytest.raises(ArtifactCorrupt, match=EVALUATION):
        load_artifact(tmp_path / "team-1")


def test_rows_that_the_manifest_names_and_that_are_missing_or_altered_are_refused(
    base: Artifact, tmp_path: Path
) -> None:
    save_artifact(base, tmp_path / "team-1")
    file = tmp_path / "team-1" / EVALUATION
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ArtifactCorrupt, match="was changed"):
        load_artifact(tmp_path / "team-1")
    file.unlink()
    with pytest.raises(ArtifactCorrupt, match=EVALUATION):
        load_artifact(tmp_path / "team-1")


def test_a_manifest_cannot_name_other_files(base: Artifact, tmp_path: Path) -> None:
    save_artifact(base, tmp_path / "team-1")
    path = tmp_path / "team-1" / MANIFEST
    text = path.read_text().replace(f'"{EVALUATION}"', '"reports.json"')
    path.write_text(text)
    with pytest.raises(ArtifactCorrupt):
        load_artifact(tmp_path / "team-1")


def test_a_manifest_describes_every_array(base: Artifact) -> None:
    described = describe(rows_of(base))
    assert described["encoder"] == ENCODER.name
    assert to_json(described)
    assert described["tensors"]["vectors"] == {"shape": [rows_of(base).n, 32], "dtype": "float16"}
