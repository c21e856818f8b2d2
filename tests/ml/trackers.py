"""Made-up trackers whose words give team and severity away, but for a share of wrong labels."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from bugflow.ml.duplicates.pairs import COLUMNS
from bugflow.ml.duplicates.ranker import N_CONFIDENCE, Ranker

TEAMS = {"Backend": "server query", "Frontend": "button layout", "Mobile": "swipe android", "DevOps": "docker rollout"}
SEVERITIES = {"low": "typo cosmetic", "medium": "slow", "high": "error wrong", "critical": "crash loss"}
FILLER = ("the", "page", "again", "when", "save", "user", "shows", "list", "data")


def write_tracker(path: Path, n: int, *, seed: int, noise: float = 0.1) -> Path:
    """n dated reports of one tracker, a project in each."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(n):
        team, severity = str(rng.choice(list(TEAMS))), str(rng.choice(list(SEVERITIES)))
        words = [*rng.choice(FILLER, 6), *TEAMS[team].split(), *SEVERITIES[severity].split(), f"t{seed}x{number}"]
        rows.append(
            {
                "id": str(number),
                "title": " ".join(words[-3:]),
                "description": " ".join(rng.permutation(words)),
                "project": f"project {seed}",
                "created": datetime(2021, 1, 1, tzinfo=UTC) + timedelta(hours=number),
                "team": str(rng.choice(list(TEAMS))) if rng.random() < noise else team,
                "severity": str(rng.choice(list(SEVERITIES))) if rng.random() < noise else severity,
            }
        )
    pl.DataFrame(rows).write_parquet(path)
    return path


class WordEncoder:
    """A sentence encoder that adds up a pseudo-random direction for each word; counts what it is asked."""

    name = "words-1"
    n_dimensions = 32

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked += texts
        vectors = [
            sum((self._direction(word) for word in text.split()), start=np.full(self.n_dimensions, 1e-6))
            for text in texts
        ]
        return np.asarray([vector / np.linalg.norm(vector) for vector in vectors], np.float32)

    def remembers(self, text: str) -> bool:
        """It forgets nothing."""
        return text in self.asked

    def _direction(self, word: str) -> NDArray[np.float64]:
        return np.random.default_rng(list(word.encode())).standard_normal(self.n_dimensions)


def make_ranker(**given: object) -> Ranker:
    """Looks at the cosine and at shared words, nothing else; likely from 0.6 on."""
    weights = np.zeros(len(COLUMNS))
    weights[COLUMNS.index("cosine")] = 8.0
    weights[COLUMNS.index("BM25 of what an equal report would get")] = 4.0
    facts: dict[str, object] = {
        "name": "duplicates-7",
        "encoder": "words-1",
        "means": np.zeros(len(COLUMNS)),
        "scales": np.ones(len(COLUMNS)),
        "weights": weights,
        "confidence": np.asarray([1.0, *np.zeros(N_CONFIDENCE - 2), -4.0]),
        "bars": {0.90: 0.6},
        "report": {},
        "card": "# made up",
    }
    return Ranker(**{**facts, **given})  # type: ignore[arg-type]


def write_repeats(path: Path, n: int, *, seed: int, share: float = 0.3) -> Path:
    """n dated reports; some repeat an earlier one in other words: most rare words are the same, some are not."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, object]] = []
    for number in range(n):
        repeats = int(rng.integers(0, number)) if number > 20 and rng.random() < share else None
        if repeats is not None:
            own = str(rows[repeats]["title"]).split()
            words = [*rng.permutation(own)[:4], f"w{seed}x{rng.integers(10_000)}"]
        else:
            words = [f"w{seed}x{rng.integers(10_000)}" for _ in range(5)]
        rows.append(
            {
                "id": f"r{number}",
                "title": " ".join(words),
                "description": " ".join([*rng.choice(FILLER, 8), *rng.permutation(words)[:3]]),
                "project": f"project {seed}",
                "created": datetime(2021, 1, 1, tzinfo=UTC) + timedelta(hours=number),
                "duplicate_of": f"r{repeats}" if repeats is not None else "",
                "closed_as_duplicate": repeats is not None,
            }
        )
    pl.DataFrame(rows).write_parquet(path)
    return path
