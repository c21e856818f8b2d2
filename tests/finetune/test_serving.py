"""Promises of a fine-tuned model in use: without torch, refused when damaged, explained word by word."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

pytest.importorskip("torch")

from tests.finetune.builders import CUES
from tests.finetune.conftest import Restarted
from typer.testing import CliRunner

from bugflow.cli import build_app
from bugflow.domain.predictions import BugText, Source, Task
from bugflow.errors import ArtifactCorrupt
from bugflow.ml.artifact import TRANSFORMER_FILES, find_artifact, load_artifact, save_artifact
from bugflow.ml.features import extract
from bugflow.ml.folder import MANIFEST, to_json
from bugflow.ml.occlusion import MAX_WORDS, NOTE
from bugflow.ml.predictor import Predictor, load_predictor
from bugflow.ml.text import clean

WITHOUT_TORCH = """
import sys
from pathlib import Path
from bugflow.domain.predictions import BugText, Task
from bugflow.ml.predictor import load_predictor
predictor = load_predictor(Path(sys.argv[1]))
prediction = predictor.assess([BugText("server query", "the server query fails")])[0].predictions[1]
predictor.explain(BugText("server query", ""), Task.TEAM)
print(prediction.label, prediction.model_version)
assert not {"torch", "transformers", "accelerate", "onnx"} & set(sys.modules)
"""


@pytest.fixture(scope="module")
def folder(restarted: Restarted, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models as the app has one, with the tiny network for teams."""
    path = tmp_path_factory.mktemp("app")
    save_artifact(replace(load_artifact(restarted.model), name="team-3", task="team"), path / "team-3")
    return path


@pytest.fixture(scope="module")
def predictor(folder: Path) -> Predictor:
    return load_predictor(folder)


def invoke(*arguments: str) -> str:
    done = CliRunner().invoke(build_app([arguments[0]]), arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_it_is_served_without_torch(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, str(folder)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.split()) == (0, ["Backend", "team-3"]), done.stderr


def test_the_folder_holds_what_was_promised_and_is_saved_again_to_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    assert {path.name for path in (folder / "team-3").iterdir()} == {*TRANSFORMER_FILES, MANIFEST}
    save_artifact(load_artifact(folder / "team-3"), tmp_path / "team-3")
    for path in (folder / "team-3").iterdir():
        assert path.read_bytes() == (tmp_path / "team-3" / path.name).read_bytes()


def test_the_predictor_answers_with_it_and_with_rules_where_a_model_is_missing(predictor: Predictor) -> None:
    assert set(predictor.problems) == {Task.SEVERITY}
    for team, words in CUES.items():
        prediction = predictor.assess([BugText(f"{words} again", f"the {words} shows wrong data")])[0].predictions[1]
        assert (prediction.label, prediction.source, prediction.model_version) == (team, Source.MODEL, "team-3")
        assert sum(prediction.probabilities.values()) == pytest.approx(1)


def test_a_score_does_not_depend_on_what_stands_beside_the_text_and_any_text_has_one(folder: Path) -> None:
    model = load_artifact(folder / "team-3").model
    texts = [BugText("server query", "wrong"), BugText("", ""), BugText("\ud800", "button " * 3_000)]
    together = model.score(extract([clean(text) for text in texts]))
    alone = [model.score(extract([clean(text)]))[0] for text in texts]
    assert (together == np.asarray(alone)).all()
    assert np.isfinite(together).all()
    assert model.score(extract([])).shape == (0, 3)


def test_an_explanation_adds_up_and_says_that_it_is_by_occlusion(predictor: Predictor) -> None:
    explanation = predictor.explain(BugText("server query", "the page shows wrong data"), Task.TEAM)
    assert explanation.label == "Backend"
    total = explanation.intercept + sum(cue.weight for cue in explanation.contributions)
    assert total == pytest.approx(explanation.score, abs=1e-6)
    assert {cue.cue for cue in explanation.contributions[:2]} == {"server", "query"}
    assert {cue.cue for cue in explanation.contributions} == {
        "server",
        "query",
        "the",
        "page",
        "shows",
        "wrong",
        "data",
    }
    assert explanation.notes == (NOTE,)


def test_the_counterfactual_names_the_word_that_decides(predictor: Predictor) -> None:
    cues = {"server": "Backend", "button": "Frontend"}
    explanation = predictor.explain(BugText("server button", ""), Task.TEAM)
    word, other = ("server", "Frontend") if explanation.label == "Backend" else ("button", "Backend")
    assert cues[word] == explanation.label
    assert explanation.counterfactual == f"without *{word}*: {other}"


def test_the_words_left_out_are_bounded(predictor: Predictor) -> None:
    text = BugText("server", " ".join(f"word{'x' * number}" for number in range(100)))
    explanation = predictor.explain(text, Task.TEAM, label="Mobile")
    assert len(explanation.contributions) == MAX_WORDS
    assert any("were left out in turn" in note for note in explanation.notes[1:])
    assert len(predictor.explain(BugText("", ""), Task.TEAM).contributions) == 0


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "labels.json", "MANIFEST.json"])
def test_a_damaged_folder_is_refused_and_rules_answer(folder: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(folder / "team-3", tmp_path / "team-3")
    path = tmp_path / "team-3" / name
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ArtifactCorrupt):
        load_artifact(tmp_path / "team-3")
    assert Task.TEAM in load_predictor(tmp_path).problems


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.onnx", b"no network"),
        ("tokenizer.json", b"{}"),
        ("labels.json", b'["Backend", "Frontend"]'),
        ("labels.json", b'["Backend", "Backend", "Mobile"]'),
    ],
)
def test_files_that_do_not_fit_are_refused_though_the_hashes_match(
    folder: Path, tmp_path: Path, name: str, content: bytes
) -> None:
    import hashlib

    shutil.copytree(folder / "team-3", tmp_path / "team-3")
    manifest = json.loads((tmp_path / "team-3" / MANIFEST).read_text())
    (tmp_path / "team-3" / name).write_bytes(content)
    manifest["files"][name] = {"sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}
    manifest["n_labels"] = 2 if name == "labels.json" and b'Backend", "F' in content else 3
    (tmp_path / "team-3" / MANIFEST).write_bytes(to_json(manifest))
    with pytest.raises(ArtifactCorrupt):
        load_artifact(tmp_path / "team-3")


def test_the_commands_know_it(folder: Path, restarted: Restarted, tmp_path: Path) -> None:
    assert "team-3: whole" in invoke("models", "verify", "--folder", str(folder))
    assert "team-3" in invoke("models", "list", "--folder", str(folder))
    assert "fine-tuned" in invoke("models", "card", "team-3", "--folder", str(folder))
    assert "by occlusion" in invoke("explain", "server query", "--task", "team", "--folder", str(folder))
    bugs = tmp_path / "bugs.csv"
    pl.DataFrame({"id": ["1", "2"], "title": ["server query", "button layout"]}).write_csv(bugs)
    invoke("predict", str(bugs), "--out", str(tmp_path / "out.jsonl"), "--model", str(find_artifact(restarted.model)))
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["label"] for row in rows] == ["Backend", "Frontend"]
