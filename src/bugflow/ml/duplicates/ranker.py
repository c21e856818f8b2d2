"""Orders candidates and says how sure it is that one repeats another: two small logistic models."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from bugflow.errors import ArtifactCorrupt
from bugflow.ml.calibration import NEVER
from bugflow.ml.duplicates.pairs import COLUMNS
from bugflow.ml.folder import read_folder, refused_if_unreadable, to_json, write_folder

FORMAT = "bugflow-duplicates-1"
RANKER, REPORT, CARD = "ranker.json", "report.json", "card.md"
N_CONFIDENCE = 4  # score, lead over the next best, lead over the best three, intercept


@dataclass(frozen=True, slots=True)
class Ranker:
    """What was learned from pairs that people marked.

    Attributes:
        name: Of the artifact, `duplicates-1`.
        encoder: Whose vectors it was trained on.
        means, scales, weights: float64 [len(COLUMNS)]; a pair's score is the weighted sum of its standardised columns.
        confidence: float64 [4]; of score, lead over the best other, lead over the best three others, and 1.
        bars: By promise the least probability at which a candidate is called likely.
        report: What was measured.
        card: For people.
    """

    name: str
    encoder: str
    means: NDArray[np.float64]
    scales: NDArray[np.float64]
    weights: NDArray[np.float64]
    confidence: NDArray[np.float64]
    bars: Mapping[float, float]
    report: Mapping[str, Any]
    card: str = ""

    def score(self, pairs: NDArray[np.float32]) -> NDArray[np.float64]:
        """float64 [c]; larger is more alike. Comparable among the candidates of one report."""
        return np.asarray((pairs - self.means) / self.scales @ self.weights, np.float64)

    def probabilities(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64 [c]; how probable it is that the report repeats each of its candidates."""
        return np.asarray(expit(leads(scores) @ self.confidence), np.float64)

    def bar(self, promise: float) -> float:
        """The least probability at which a candidate is likely; `NEVER` where the promise was not measured."""
        return min((bar for asked, bar in self.bars.items() if asked >= promise), default=NEVER)


def leads(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the probability is read from, float64 [c, 4]: score, its lead over the best other and the best three, 1."""
    best = np.sort(scores)[::-1]
    place = np.searchsorted(-best, -scores)
    padded = np.concatenate([best, np.full(4, best[-1] if len(best) else 0.0)])
    total = padded[:4].sum()
    next_best = np.where(place == 0, padded[1], padded[0])
    three = np.where(place < 3, (total - scores) / 3, padded[:3].mean())
    return np.stack([scores, scores - next_best, scores - three, np.ones(len(scores))], axis=1)


def save_ranker(ranker: Ranker, path: Path) -> None:
    """Write the ranker's folder.

    Raises:
        AlreadyExists: There is something at `path`.
    """
    learned = {
        "columns": list(COLUMNS),
        "means": ranker.means.tolist(),
        "scales": ranker.scales.tolist(),
        "weights": ranker.weights.tolist(),
        "confidence": ranker.confidence.tolist(),
        "bars": {f"{promise:.2f}": bar for promise, bar in ranker.bars.items()},
    }
    contents = {RANKER: to_json(learned), REPORT: to_json(ranker.report), CARD: ranker.card.encode("utf-8")}
    write_folder(path, contents, {"format": FORMAT, "name": ranker.name, "encoder": ranker.encoder})


def load_ranker(path: Path) -> Ranker:
    """The ranker of a folder, after checking all of it.

    Raises:
        ArtifactCorrupt: The folder is missing, truncated, altered, from elsewhere, or reads other columns.
    """
    manifest, contents = read_folder(path, files={FORMAT: (RANKER, REPORT, CARD)})
    with refused_if_unreadable(path):
        learned = json.loads(contents[RANKER])
        if tuple(learned["columns"]) != COLUMNS:
            raise ArtifactCorrupt(path=path, reason="it compares reports in another way than this version.")
        means, scales, weights, confidence = (
            np.asarray(learned[name], np.float64) for name in ("means", "scales", "weights", "confidence")
        )
        bars = {float(promise): float(bar) for promise, bar in learned["bars"].items()}
        whole = np.concatenate([means, scales, weights, confidence, [*bars.values()]])
        sizes = {len(means), len(scales), len(weights)}
        if (
            sizes != {len(COLUMNS)}
            or len(confidence) != N_CONFIDENCE
            or not np.isfinite(whole).all()
            or min(scales) <= 0
        ):
            raise ArtifactCorrupt(path=path, reason="its numbers do not fit together.")
        return Ranker(
            name=str(manifest["name"]),
            encoder=str(manifest["encoder"]),
            means=means,
            scales=scales,
            weights=weights,
            confidence=confidence,
            bars=bars,
            report=json.loads(contents[REPORT]),
            card=contents[CARD].decode("utf-8"),
        )
