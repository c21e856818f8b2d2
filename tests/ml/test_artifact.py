"""Promises of saved models."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.ml.builders import tiny_artifact

from bugflow.domain.predictions import BugText
from bugflow.errors import AlreadyExists, Ambiguous, ArtifactCorrupt, NotFound
from bugflow.ml.artifact import (
    CALIBRATION,
    FILES,
    LABELS,
    WEIGHTS,
    find_artifact,
    load_artifact,
    save_artifact,
)
from bugflow.ml.classifier import LinearModel
from bugflow.ml.features import extract
from bugflow.ml.folder import MANIFEST
from bugflow.ml.text import clean


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "severity-1"
    save_artifact(tiny_artifact(), path)
    return path


def test_what_is_loaded_answers_like_what_was_saved(saved: Path) -> None:
    artifact, loaded = tiny_artifact(), load_artifact(saved)
    features = extract([clean(BugText("Crash: a slow typo fails?", "crash"))])
    assert loaded.model.score(features) == pytest.approx(artifact.model.score(features), abs=1e-9)
    assert loaded.calibration == artifact.calibration
    assert (loaded.name, loaded.task, loaded.card) == (artifact.name, artifact.task, artifact.card)


def _bytes(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir()}


def test_the_same_artifact_gives_the_same_bytes(saved: Path, tmp_path: Path) -> None:
    again = tmp_path / "other" / "severity-1"
    save_artifact(tiny_artifact(), again)
    assert _bytes(again) == _bytes(saved)


def test_a_model_is_never_overwritten(saved: Path) -> None:
    with pytest.raises(AlreadyExists):
        save_artifact(tiny_artifact(), saved)
    assert list(saved.parent.iterdir()) == [saved]


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
@pytest.mark.parametrize("damage", ["truncate", "alter", "remove", "link", "empty"])
def test_a_damaged_file_is_refused(saved: Path, name: str, damage: str) -> None:
    file = saved / name
    content = file.read_bytes()
    if damage == "truncate":
        file.write_bytes(content[: len(content) // 2])
    elif damage == "alter":
        file.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    elif damage == "empty":
        file.write_bytes(b"")
    elif damage == "remove":
        file.unlink()
    else:
        elsewhere = saved.parent / "elsewhere"
        file.rename(elsewhere)
        file.symlink_to(elsewhere)
    with pytest.raises(ArtifactCorrupt):
        load_artifact(saved)


def test_an_extra_file_is_refused(saved: Path) -> None:
    (saved / "model.pkl").write_bytes(b"\x80")
    with pytest.raises(ArtifactCorrupt, match=r"model\.pkl"):
        load_artifact(saved)


def test_a_linked_missing_or_renamed_folder_is_refused(saved: Path) -> None:
    (saved.parent / "severity-3").symlink_to(saved)
    for name in ("severity-2", "severity-3", "severity", "../severity-1"):
        with pytest.raises(ArtifactCorrupt):
            load_artifact(saved.parent / name)
    saved.rename(saved.parent / "severity-9")
    with pytest.raises(ArtifactCorrupt, match="saved as severity-1"):
        load_artifact(saved.parent / "severity-9")


def _rewrite(path: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    """Change a file and make the manifest agree, as an attacker or a broken tool would."""
    content = change((path / name).read_bytes())
    (path / name).write_bytes(content)
    manifest = json.loads((path / MANIFEST).read_text())
    manifest["files"][name]["sha256"] = hashlib.sha256(content).hexdigest()
    (path / MANIFEST).write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (LABELS, b'["low", "medium"]'),
        (LABELS, b'["low", "low", "low", "low"]'),
        (LABELS, b"5"),
        (CALIBRATION, b'{"temperature": 0, "bias": [0,0,0,0], "costs": [], "bars": {}}'),
        (CALIBRATION, b"[]"),
        (WEIGHTS, b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "),
        (WEIGHTS, b"\xff\xff\xff\xff\xff\xff\xff\x7f"),
    ],
)
def test_contents_that_do_not_fit_are_refused_though_the_hashes_match(saved: Path, name: str, content: bytes) -> None:
    _rewrite(saved, name, lambda _: content)
    with pytest.raises(ArtifactCorrupt):
        load_artifact(saved)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_no_training_gives_are_refused(tmp_path: Path, value: float) -> None:
    artifact = tiny_artifact()
    assert isinstance(artifact.model, LinearModel)
    model = replace(artifact.model, intercept=np.array([0, value, 0, 0]))
    save_artifact(replace(artifact, model=model), tmp_path / "severity-1")
    with pytest.raises(ArtifactCorrupt):
        load_artifact(tmp_path / "severity-1")


def test_a_folder_of_models_of_one_task_stands_for_the_newest(saved: Path) -> None:
    folder = saved.parent
    save_artifact(tiny_artifact("severity-12"), folder / "severity-12")
    assert find_artifact(folder) == folder / "severity-12"
    assert find_artifact(saved) == saved
    save_artifact(tiny_artifact("team-2"), folder / "team-2")
    with pytest.raises(Ambiguous, match="severity-1, severity-12, team-2"):
        find_artifact(folder)
    with pytest.raises(NotFound):
        find_artifact(folder / "nowhere")


def test_a_failed_save_leaves_nothing_behind(tmp_path: Path) -> None:
    artifact = replace(tiny_artifact(), recipe={"broken": object()})
    with pytest.raises(TypeError):
        save_artifact(artifact, tmp_path / "severity-1")
    assert list(tmp_path.iterdir()) == []
