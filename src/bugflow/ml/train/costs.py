"""What wrong answers cost, chosen from answers about held-out rows; without scikit-learn, which takes two seconds."""

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.metrics import macro_f1, quadratic_kappa
from bugflow.ml.train.dataset import Index
from bugflow.ml.train.recipe import SEVERITY_ORDER

ORDINAL_POWERS = (0.5, 1.0)  # cost of being d levels off is d ** power; 2 answers medium nearly always (measured)
PRIOR_POWERS = (0.0, 0.25, 0.5, 0.75, 1.0)  # how far rare labels are made up for; chosen on the calibration slice


def thin(weights: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which rows to count where a row counts once or not at all: a share of them equal to their weight, evenly spread.

    Weak labels (a preset severity) must not decide what a promise is worth.
    """
    total = np.cumsum(np.minimum(weights, 1.0))
    return np.asarray(np.floor(total + 1e-9) > np.floor(total - np.minimum(weights, 1.0) + 1e-9))


def choose_costs(
    probabilities: NDArray[np.float64], truth: Index, *, labels: tuple[str, ...]
) -> tuple[tuple[float, ...], ...]:
    """The costs whose answers have the best macro-F1, for severity the best mean of macro-F1 and kappa."""
    k, ordinal = len(labels), labels == SEVERITY_ORDER
    prior = (np.bincount(truth, minlength=k) + 1) / (len(truth) + k)
    best = (-np.inf, make_costs(k, ordinal=ordinal))
    for power in ORDINAL_POWERS if ordinal else (1.0,):
        for made_up in PRIOR_POWERS:
            costs = make_costs(k, ordinal=ordinal, power=power, prior=prior**-made_up)
            answers = np.argmin(probabilities @ np.asarray(costs), axis=1)
            gain = macro_f1(truth, answers, n_labels=k)
            if ordinal:
                gain = (gain + quadratic_kappa(truth, answers, n_labels=k)) / 2
            if gain > best[0] + 1e-9:
                best = (gain, costs)
    return best[1]


def make_costs(
    k: int, *, ordinal: bool, power: float = 1.0, prior: NDArray[np.float64] | None = None
) -> tuple[tuple[float, ...], ...]:
    """Of answering the column when the row is true, [k][k]; for levels by how far off, times what a label is worth."""
    level = np.arange(k)
    distance = np.abs(level[:, None] - level[None, :]).astype(np.float64)
    costs = distance**power if ordinal else (distance > 0).astype(np.float64)
    if prior is not None:
        costs = costs * prior[:, None]
    return tuple(tuple(float(value) for value in row) for row in costs)
