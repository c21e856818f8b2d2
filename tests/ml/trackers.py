"""Made-up trackers whose words give team and severity away, but for a share of wrong labels."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

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

    def _direction(self, word: str) -> NDArray[np.float64]:
        return np.random.default_rng(list(word.encode())).standard_normal(self.n_dimensions)
