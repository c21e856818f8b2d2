"""Scores of a classifier against what people said. All take label positions 0..k-1 as int arrays of one length n."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

Positions = NDArray[np.int64]
Probabilities = NDArray[np.float64]

N_DRAWS = 1_000  # of the bootstrap
N_BINS = 15  # of the expected calibration error; Guo et al. 2017 use 15


def confusion(truth: Positions, predicted: Positions, *, n_labels: int) -> NDArray[np.int64]:
    """Counts [k, k]; rows are the truth, columns the prediction."""
    return np.bincount(truth * n_labels + predicted, minlength=n_labels * n_labels).reshape(n_labels, n_labels)


def accuracy(truth: Positions, predicted: Positions) -> float:
    """Share of equal positions; 0 for no rows."""
    return float((truth == predicted).mean()) if len(truth) else 0.0


def per_class(truth: Positions, predicted: Positions, *, n_labels: int) -> dict[str, NDArray[np.float64]]:
    """Precision, recall, F1 and support, each [k]; what is undefined is 0."""
    table = confusion(truth, predicted, n_labels=n_labels).astype(np.float64)
    right, said, support = table.diagonal(), table.sum(axis=0), table.sum(axis=1)
    precision = np.divide(right, said, out=np.zeros(n_labels), where=said > 0)
    recall = np.divide(right, support, out=np.zeros(n_labels), where=support > 0)
    both = precision + recall
    f1 = np.divide(2 * precision * recall, both, out=np.zeros(n_labels), where=both > 0)
    return {"precision": precision, "recall": recall, "f1": f1, "support": support}


def macro_f1(truth: Positions, predicted: Positions, *, n_labels: int) -> float:
    """Mean F1 over the labels that occur in the truth or the prediction."""
    seen = np.union1d(truth, predicted)
    return float(per_class(truth, predicted, n_labels=n_labels)["f1"][seen].mean()) if len(seen) else 0.0


def macro_f1_change(truth: Positions, before: Positions, after: Positions) -> tuple[float, float, float]:
    """Macro-F1 before and after over the labels that are true, and the most that it can have changed by, 95 % sure.

    The last is the upper end of a paired bootstrap over the rows (`N_DRAWS` draws of one seed, percentiles).
    """
    labels, n = np.unique(truth), len(truth)
    draws = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=N_DRAWS).astype(np.float64)
    weights = np.vstack([np.ones(n), draws])
    support = weights @ (truth[:, None] == labels)
    scores = []
    for answers in (before, after):
        said = answers[:, None] == labels
        both = support + weights @ said
        right = weights @ (said & (truth[:, None] == labels))
        scores.append(np.divide(2 * right, both, out=np.zeros_like(both), where=both > 0).mean(axis=1))
    change = scores[1] - scores[0]
    return float(scores[0][0]), float(scores[1][0]), float(np.quantile(change[1:], 0.95))


def quadratic_kappa(truth: Positions, predicted: Positions, *, n_labels: int) -> float:
    """Agreement on an ordinal scale beyond chance, in [-1, 1]; being k levels off costs k² (Cohen 1968)."""
    observed = confusion(truth, predicted, n_labels=n_labels).astype(np.float64)
    if not observed.sum():
        return 0.0
    level = np.arange(n_labels)
    cost = (level[:, None] - level[None, :]) ** 2
    expected = np.outer(observed.sum(axis=1), observed.sum(axis=0)) / observed.sum()
    by_chance = float((cost * expected).sum())
    return 1.0 - float((cost * observed).sum()) / by_chance if by_chance else 0.0


def calibration_error(confidence: Probabilities, right: NDArray[np.bool_]) -> float:
    """Expected calibration error in [0, 1] over `N_BINS` equally wide bins of the confidence [n] in the answers."""
    gaps = [n * abs(said - found) for said, found, n in reliability(confidence, right)]
    return sum(gaps) / len(right) if gaps else 0.0


def reliability(confidence: Probabilities, right: NDArray[np.bool_]) -> list[tuple[float, float, int]]:
    """Mean confidence, share that is right, and number of the answers in each of `N_BINS` bins that has any."""
    bins = np.minimum((confidence * N_BINS).astype(np.int64), N_BINS - 1)
    n, said, found = (np.bincount(bins, weights=one, minlength=N_BINS) for one in (None, confidence, right))
    return [(float(said[bin_] / n[bin_]), float(found[bin_] / n[bin_]), int(n[bin_])) for bin_ in np.flatnonzero(n)]


def severe_scores(truth: Positions, predicted: Positions, *, severe: frozenset[int]) -> tuple[float, float]:
    """Recall and precision of the severe labels (high and critical) taken together."""
    members = np.fromiter(severe, np.int64)
    true, said = np.isin(truth, members), np.isin(predicted, members)
    both = int((true & said).sum())
    return both / max(int(true.sum()), 1), both / max(int(said.sum()), 1)


def precision_bound(n_right: int, n_said: int, *, risk: float = 0.05) -> float:
    """Lower end of the one-sided Clopper-Pearson interval: the true precision lies below it with probability `risk`."""
    return float(betaincinv(n_right, n_said - n_right + 1, risk)) if n_right else 0.0


def summarise(truth: Positions, predicted: Positions, *, labels: tuple[str, ...], ordinal: bool) -> dict[str, Any]:
    """Every score of one set of answers, as JSON: never accuracy alone."""
    k = len(labels)
    classes = per_class(truth, predicted, n_labels=k)
    summary: dict[str, Any] = {
        "n": len(truth),
        "accuracy": round(accuracy(truth, predicted), 4),
        "macro_f1": round(macro_f1(truth, predicted, n_labels=k), 4),
        "per_class": {
            label: {name: round(float(values[place]), 4) for name, values in classes.items()}
            for place, label in enumerate(labels)
        },
    }
    if ordinal:
        summary["quadratic_kappa"] = round(quadratic_kappa(truth, predicted, n_labels=k), 4)
        severe = frozenset(place for place, label in enumerate(labels) if label in {"high", "critical"})
        if severe:
            recall, precision = severe_scores(truth, predicted, severe=severe)
            summary["severe_recall"], summary["severe_precision"] = round(recall, 4), round(precision, 4)
    return summary
