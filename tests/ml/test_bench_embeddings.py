"""Promises of the cache of vectors: nothing is computed twice, and no damage reaches a figure."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.ml.trackers import WordEncoder

from bugflow.ml.bench import embeddings
from bugflow.ml.bench.embeddings import EmbeddingCache, default_cache

TEXTS = [f"report number {number}" for number in range(25)]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EmbeddingCache:
    monkeypatch.setattr(embeddings, "PART", 10)
    return EmbeddingCache(tmp_path / "words-1", n_dimensions=WordEncoder.n_dimensions)


def embed(cache: EmbeddingCache, texts: list[str]) -> tuple[NDArray[np.float32], list[str]]:
    encoder = WordEncoder()
    return cache.embed(texts, encoder, progress=lambda *_: None), encoder.asked


def test_a_text_is_computed_once_in_any_order(cache: EmbeddingCache) -> None:
    told: list[tuple[int, int]] = []
    encoder = WordEncoder()
    texts = [*TEXTS, TEXTS[3]]

    first = cache.embed(texts, encoder, progress=lambda done, n: told.append((done, n)))
    assert told == [(10, 25), (20, 25), (25, 25)]
    assert len(encoder.asked) == 25
    assert np.abs(first - WordEncoder().encode(texts)).max() < 1e-3
    again, asked = embed(cache, texts[::-1])
    assert asked == []
    assert (again[::-1] == first).all()


def test_an_interrupted_run_goes_on_where_it_was(cache: EmbeddingCache) -> None:
    class Killed(WordEncoder):
        def encode(self, texts: object) -> NDArray[np.float32]:
            if len(self.asked) >= 10:
                raise KeyboardInterrupt
            return super().encode(texts)  # type: ignore[arg-type]

    with pytest.raises(KeyboardInterrupt):
        cache.embed(TEXTS, Killed(), progress=lambda *_: None)
    encoder = WordEncoder()
    cache.embed(TEXTS, encoder, progress=lambda *_: None)
    assert sorted(encoder.asked) == sorted(TEXTS[10:])


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "other shape"])
def test_a_damaged_part_is_ignored_and_made_anew(cache: EmbeddingCache, damage: str) -> None:
    whole, _ = embed(cache, TEXTS)
    part = min(cache.folder.iterdir())
    content = bytearray(part.read_bytes())
    if damage == "flipped":
        content[-1] ^= 1
    part.write_bytes(content[:-7] if damage == "cut" else b"" if damage == "empty" else bytes(content))
    if damage == "other shape":
        part.unlink()
        part = cache.add(np.zeros((1, 32), np.uint8), np.zeros((1, 3), np.float16))
    repaired, asked = embed(cache, TEXTS)
    assert 5 <= len(asked) <= 10
    assert (repaired == whole).all()
    assert embed(cache, TEXTS)[1] == []


def test_nothing_half_written_is_left_behind(cache: EmbeddingCache) -> None:
    embed(cache, TEXTS)
    assert {path.suffix for path in cache.folder.iterdir()} == {".safetensors"}


def test_the_cache_lies_where_caches_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache() == tmp_path / "bugflow" / "embeddings"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_cache() == Path.home() / ".cache" / "bugflow" / "embeddings"
