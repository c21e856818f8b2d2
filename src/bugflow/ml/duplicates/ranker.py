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
SURE_COLUMNS = ("cosine", "same exception", "title in the other's body", "same project")
"""What tells, beyond the score, how sure one may be; chosen with one tracker left out: log loss .304, without .327."""
N_CONFIDENCE = 3 + len(SURE_COLUMNS) + 1


@dataclass(frozen=True, slots=True)
class Ranker:
    """What was learned from pairs that people marked.

    Attributes:
        name: Of the artifact, `duplicates-1`.
        encoder: Whose vectors it was trained on.
        means, scales, weights: float64 [len(COLUMNS)]; a pair's score is the weighted sum of its standardised columns.
        confidence: float64 [N_CONFIDENCE]; of what `traits` gives.
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

    def rank(self, pairs: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """All candidates of one report: their places, best first, and how probable it is that each says the same.

        The order is that of the scores, which finds more than that of the probabilities (titanium: R@1 .51, .47); so
        that the two agree, no candidate is more probable than one before it.

        Returns:
            int64 [c] and float64 [c], both best first.
        """
        scores = self.score(pairs)
        order = np.argsort(-scores, kind="stable")
        sure = expit(traits(scores, pairs) @ self.confidence)[order]
        return order, np.minimum.accumulate(sure)

    def demand_encoder(self, name: str) -> None:
        """Let pass the encoder whose vectors it was trained on.

        Raises:
            ArtifactCorrupt: It is another one.
        """
        if name != self.encoder:
            reason = f"it was trained on vectors of {self.encoder}, not {name}. Put that encoder beside it."
            raise ArtifactCorrupt(path=Path(self.name), reason=reason)

    def bar(self, promise: float) -> float:
        """The least probability at which a candidate is likely; `NEVER` where the promise was not measured."""
        return min((bar for asked, bar in self.bars.items() if asked >= promise), default=NEVER)


def traits(scores: NDArray[np.float64], pairs: NDArray[np.float32]) -> NDArray[np.float64]:
    """What the probability of a report's candidates is read from, float64 [c, N_CONFIDENCE].

    The score, its lead over the best other and over the best three others, `SURE_COLUMNS`, and 1.
    """
    best = np.sort(scores)[::-1]
    place = np.searchsorted(-best, -scores)
    padded = np.concatenate([best, np.full(4, best[-1] if len(best) else 0.0)])
    total = padded[:4].sum()
    next_best = np.where(place == 0, padded[1], padded[0])
    three = np.where(place < 3, (total - scores) / 3, padded[:3].mean())
    columns = [pairs[:, COLUMNS.index(name)] for name in SURE_COLUMNS]
    return np.stack([scores, scores - next_best, scores - three, *columns, np.ones(len(scores))], axis=1)


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
