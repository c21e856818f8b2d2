"""Promises of tuning a sentence encoder on duplicates, on a tiny network and made-up reports."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

torch = pytest.importorskip("torch")

from tests.finetune.builders import CUES, FILLER
from tests.ml.trackers import WordEncoder

from bugflow.errors import AlreadyExists, InvalidEncoder, TooFewSamples
from bugflow.ml.encoder import load_encoder
from bugflow.ml.finetune.triplets import TripletRecipe, draw_triplets, recalls_by_cosine, tune_encoder
from bugflow.ml.train.history import read_history
from bugflow.ml.train.pairs import split_history

WORDS = " ".join(CUES.values()).split()


def write_repeats(path: Path, n: int = 240) -> Path:
    """Reports of two cue words among filler; every third repeats an earlier one: the same cues, other filler."""
    random = np.random.default_rng(3)
    rows: list[dict[str, object]] = []
    for number in range(n):
        repeats = int(random.integers(0, number)) if number > 20 and number % 3 == 0 else None
        cues = rows[repeats]["cues"] if repeats is not None else [str(word) for word in random.choice(WORDS, 2)]
        words = [*cues, *random.choice(FILLER, 6)]  # type: ignore[misc]
        rows.append(
            {
                "id": str(number),
                "title": " ".join(random.permutation(words)),
                "description": " ".join(random.permutation(words)),
                "project": "one",
                "created": datetime(2021, 1, 1, tzinfo=UTC) + timedelta(hours=number),
                "duplicate_of": str(repeats) if repeats is not None else "",
                "closed_as_duplicate": repeats is not None,
                "cues": cues,
            }
        )
    pl.DataFrame(rows).drop("cues").write_parquet(path)
    return path


@pytest.fixture(scope="module")
def repeats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_repeats(tmp_path_factory.mktemp("repeats") / "t.parquet")


def recipe_of(base: Path, **changes: object) -> TripletRecipe:
    given: dict[str, object] = {"n_epochs": 8, "learning_rate": 3e-3, "batch_size": 8, "checkpoint_steps": 20}
    return TripletRecipe(str(base), **{**given, **changes})  # type: ignore[arg-type]


def test_a_triplet_is_a_report_one_that_it_repeats_and_one_that_it_does_not(repeats: Path, base: Path) -> None:
    history = read_history(repeats, WordEncoder(), progress=lambda _: None)
    train, chosen_on = draw_triplets([history], recipe_of(base), n_dimensions=32)
    n_earlier = len(split_history(history).earlier)
    assert len(train.anchors) >= 0.8 * n_earlier
    assert 0 < len(chosen_on.anchors) < len(train.anchors)
    cues = [
        [set(text.split()) & set(WORDS) for text in texts]
        for texts in (train.anchors, train.positives, train.negatives)
    ]
    assert all(a == b for a, b in zip(cues[0], cues[1], strict=True))
    assert len(set(train.anchors) & set(chosen_on.anchors)) == 0
    assert draw_triplets([history], recipe_of(base), n_dimensions=32) == (train, chosen_on)


@pytest.mark.slow
def test_a_tuned_encoder_finds_more_and_is_served_without_torch(repeats: Path, base: Path, tmp_path: Path) -> None:
    said: list[str] = []
    measured = tune_encoder(
        [repeats],
        recipe_of(base),
        out=tmp_path / "encoder-1",
        miner=WordEncoder(),
        cache=tmp_path / "cache",
        progress=said.append,
    )
    untuned = tune_encoder(
        [repeats],
        recipe_of(base, learning_rate=0.0, n_epochs=1),
        out=tmp_path / "encoder-2",
        miner=WordEncoder(),
        cache=tmp_path / "cache",
    )
    assert measured["t"]["after"]["r_at_10"] > untuned["t"]["after"]["r_at_10"] + 0.05
    encoder = load_encoder(tmp_path / "encoder-1")
    assert encoder.encode(["server query"]).shape == (1, 32)
    assert "cosine alone" in (tmp_path / "encoder-1" / "card.md").read_text("utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "encoder-1", "encoder-2"]  # no checkpoint left
    assert any("triplets to learn from" in line for line in said)
    with pytest.raises(AlreadyExists):
        tune_encoder([repeats], recipe_of(base), out=tmp_path / "encoder-1", miner=WordEncoder())


def test_what_cannot_be_tuned_is_refused_with_the_reason(base: Path, tmp_path: Path) -> None:
    few = write_repeats(tmp_path / "few.parquet", 30)
    given = {"out": tmp_path / "encoder-1", "miner": WordEncoder(), "cache": tmp_path / "cache"}
    with pytest.raises(TooFewSamples, match="found: "):
        tune_encoder([few], recipe_of(base), **given)  # type: ignore[arg-type]
    enough = write_repeats(tmp_path / "enough.parquet")
    with pytest.raises(InvalidEncoder, match="nowhere"):
        tune_encoder([enough], recipe_of(tmp_path / "nowhere"), **given)  # type: ignore[arg-type]
    assert not (tmp_path / "encoder-1").exists()


def test_recall_by_cosine_counts_ties_against_it(tmp_path: Path) -> None:
    path = write_repeats(tmp_path / "t.parquet")
    history = read_history(path, WordEncoder(), progress=lambda _: None)
    found = recalls_by_cosine(history)
    assert 0 <= found["r_at_1"] <= found["r_at_5"] <= found["r_at_10"] <= 1
