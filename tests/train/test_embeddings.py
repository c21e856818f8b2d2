"""Promises of the cache of vectors: nothing is computed twice, and no damage reaches a figure."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.ml.trackers import WordEncoder

from bugflow.ml.encoder import Encoder
from bugflow.ml.train import embeddings
from bugflow.ml.train.embeddings import CachedEncoder, Progress, default_cache

TEXTS = [f"report number {number}" for number in range(25)]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "PART", 10)


def embed(
    cache: Path, texts: list[str], encoder: Encoder | None = None, progress: Progress = lambda *_: None
) -> tuple[NDArray[np.float32], list[str]]:
    words = WordEncoder()
    return CachedEncoder(encoder or words, cache, progress=progress).encode(texts), words.asked


def test_a_text_is_computed_once_in_any_order(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    texts = [*TEXTS, TEXTS[3]]

    first, asked = embed(tmp_path, texts, progress=lambda done, n: told.append((done, n)))
    assert told == [(10, 25), (20, 25), (25, 25)]
    assert len(asked) == 25
    assert np.abs(first - WordEncoder().encode(texts)).max() < 1e-3
    again, asked = embed(tmp_path, texts[::-1])
    assert asked == []
    assert (again[::-1] == first).all()


def test_an_interrupted_run_goes_on_where_it_was(tmp_path: Path) -> None:
    class Killed(WordEncoder):
        def encode(self, texts: object) -> NDArray[np.float32]:
            if len(self.asked) >= 10:
                raise KeyboardInterrupt
            return super().encode(texts)  # type: ignore[arg-type]

    with pytest.raises(KeyboardInterrupt):
        embed(tmp_path, TEXTS, Killed())
    _, asked = embed(tmp_path, TEXTS)
    assert sorted(asked) == sorted(TEXTS[10:])


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "other shape"])
def test_a_damaged_part_is_ignored_and_made_anew(tmp_path: Path, damage: str) -> None:
    whole, _ = embed(tmp_path, TEXTS)
    part = min((tmp_path / WordEncoder.name).iterdir())
    content = bytearray(part.read_bytes())
    if damage == "flipped":
        content[-1] ^= 1
    part.write_bytes(content[:-7] if damage == "cut" else b"" if damage == "empty" else bytes(content))
    if damage == "other shape":
        part.unlink()
        CachedEncoder(WordEncoder(), tmp_path).add(np.zeros((1, 32), np.uint8), np.zeros((1, 3), np.float16))
    repaired, asked = embed(tmp_path, TEXTS)
    assert 5 <= len(asked) <= 10
    assert (repaired == whole).all()
    assert embed(tmp_path, TEXTS)[1] == []


def test_nothing_half_written_is_left_behind(tmp_path: Path) -> None:
    embed(tmp_path, TEXTS)
    assert {path.suffix for path in (tmp_path / WordEncoder.name).iterdir()} == {".safetensors"}


def test_the_cache_lies_where_caches_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache() == tmp_path / "bugflow" / "embeddings"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_cache() == Path.home() / ".cache" / "bugflow" / "embeddings"
