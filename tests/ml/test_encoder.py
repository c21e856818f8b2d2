"""Promises of the sentence encoder that ships."""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bugflow.errors import ArtifactCorrupt
from bugflow.ml.encoder import MODEL, REMEMBERED, SHIPPED_ENCODER, OnnxEncoder, load_encoder
from bugflow.ml.folder import MANIFEST, to_json


@pytest.fixture(scope="module")
def encoder() -> OnnxEncoder:
    return load_encoder()


def test_reports_that_mean_the_same_lie_closer_than_others(encoder: OnnxEncoder) -> None:
    texts = ["The app crashes when I sign in", "Application terminates on login", "Wrong colour of the footer"]
    first, same, other = encoder.encode(texts)
    assert first @ same > first @ other + 0.3
    assert np.linalg.norm([first, same, other], axis=1) == pytest.approx(1, abs=1e-5)


def test_a_vector_does_not_depend_on_what_stands_beside_the_text() -> None:
    alone = load_encoder.__wrapped__().encode(["Crash on start"])
    beside = load_encoder.__wrapped__().encode(["a much longer text " * 50, "Crash on start", "", "Crash on start"])
    assert (beside[1] == alone[0]).all()
    assert (beside[3] == alone[0]).all()


def test_the_end_of_a_long_text_is_not_read(encoder: OnnxEncoder) -> None:
    long = "word " * 300
    assert (encoder.encode([long + "a" * 1_000_000])[0] == encoder.encode([long])[0]).all()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(max_size=300), max_size=4))
def test_any_text_has_a_vector(encoder: OnnxEncoder, texts: list[str]) -> None:
    vectors = encoder.encode([*texts, "\ud800", "\x00"])
    assert vectors.shape == (len(texts) + 2, encoder.n_dimensions)
    assert np.isfinite(vectors).all()


def test_several_threads_get_what_one_gets(encoder: OnnxEncoder) -> None:
    texts = [f"Report number {number} fails" for number in range(24)]
    expected = load_encoder.__wrapped__().encode(texts)
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda text: encoder.encode([text])[0], texts))
    assert (np.asarray(got) == expected).all()


def test_what_was_read_before_is_taken_up_and_not_read_again() -> None:
    reading = load_encoder.__wrapped__()
    made = {f"report {number}": np.eye(reading.n_dimensions, dtype=np.float16)[number] for number in range(3)}
    reading.remember(made)
    assert reading.remembers("report 2")
    vectors = reading.encode([*made, "another one"])
    assert (vectors[:3] == [*made.values()]).all()
    assert not (vectors[3] == 0).any()


def test_more_vectors_than_are_usually_kept_stay_while_others_are_made() -> None:
    reading, none = load_encoder.__wrapped__(), np.zeros(384)
    texts = [f"report {number}" for number in range(REMEMBERED + 500)]
    reading.remember(dict.fromkeys(texts, none))
    reading.encode(["one", "two"])
    assert all(reading.remembers(text) for text in texts)


def test_the_name_tells_weights_apart(encoder: OnnxEncoder) -> None:
    assert encoder.name.startswith("minilm-l6-v2-")
    assert len(encoder.name.rpartition("-")[2]) == 8


def test_a_changed_network_is_refused(tmp_path: Path) -> None:
    folder = shutil.copytree(SHIPPED_ENCODER, tmp_path / "encoder")
    with (folder / MODEL).open("r+b") as file:
        file.seek(1000)
        file.write(b"\0\0\0\0")
    with pytest.raises(ArtifactCorrupt, match="was changed"):
        load_encoder(folder)


def test_a_folder_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "encoder").mkdir()
    (tmp_path / "encoder" / MANIFEST).write_bytes(to_json({"format": "something-9", "files": {}}))
    with pytest.raises(ArtifactCorrupt, match="format something-9"):
        load_encoder(tmp_path / "encoder")


def test_encoding_does_without_torch() -> None:
    code = "import sys; from bugflow.ml.encoder import load_encoder; load_encoder().encode(['a']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"torch", "transformers"}.isdisjoint(done.stdout.split())
