"""Every score of what a contestant answers on test rows, with an interval."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.metrics import accuracy, calibration_error, macro_f1, quadratic_kappa, severe_scores
from bugflow.ml.train.dataset import Dataset, Index
from bugflow.ml.train.peers import Answers
from bugflow.ml.train.recipe import SEVERITY_ORDER

N_RESAMPLES = 200
SEED = 0
DIGITS = 4  # more are noise at 20,000 test rows
_SEVERE = frozenset(place for place, label in enumerate(SEVERITY_ORDER) if label in {"high", "critical"})


def score_answers(data: Dataset, rows: Index, answers: Answers) -> dict[str, Any]:
    """All scores of the answers on these rows.

    `macro_f1_low` and `macro_f1_high` bound 95 % of `N_RESAMPLES` draws of the rows with replacement (percentiles,
    Efron 1979), the same draws for every contestant.
    """
    truth, k, predicted = data.truth[rows], len(data.labels), answers.predicted
    drawn = resampled_f1(truth, predicted, n_labels=k)
    scores: dict[str, Any] = {
        "n": len(rows),
        "accuracy": accuracy(truth, predicted),
        "macro_f1": macro_f1(truth, predicted, n_labels=k),
        "macro_f1_low": float(np.percentile(drawn, 2.5)),
        "macro_f1_high": float(np.percentile(drawn, 97.5)),
    }
    if data.labels == SEVERITY_ORDER:
        scores["kappa"] = quadratic_kappa(truth, predicted, n_labels=k)
        scores["severe_recall"], scores["severe_precision"] = severe_scores(truth, predicted, severe=_SEVERE)
    scores |= {"calibration_error": None, "top_three": None, "coverage": None, "precision": None}
    if answers.probabilities is not None:
        confidence = answers.probabilities[np.arange(len(rows)), predicted]
        scores["calibration_error"] = calibration_error(confidence, predicted == truth)
        top = np.argsort(-answers.probabilities, axis=1, kind="stable")[:, :3]
        scores["top_three"] = float((top == truth[:, None]).any(axis=1).mean())
    if answers.acted is not None:
        scores["coverage"] = float(answers.acted.mean())
        scores["precision"] = float((predicted == truth)[answers.acted].mean()) if answers.acted.any() else None
    return {key: round(value, DIGITS) if isinstance(value, float) else value for key, value in scores.items()}


def resampled_f1(truth: Index, predicted: Index, *, n_labels: int) -> NDArray[np.float64]:
    """Macro-F1 of `N_RESAMPLES` seeded draws of the rows with replacement."""
    rng = np.random.default_rng(SEED)
    draws = (rng.integers(0, len(truth), len(truth)) for _ in range(N_RESAMPLES))
    return np.asarray([macro_f1(truth[draw], predicted[draw], n_labels=n_labels) for draw in draws])


def average_scores(scores: Sequence[dict[str, Any]], drawn: Sequence[NDArray[np.float64]]) -> dict[str, Any]:
    """Mean of each score over several tests, each test counting the same; what one lacks, the mean lacks.

    Args:
        scores: One a test.
        drawn: Resampled macro-F1 of each test; the interval is that of their mean.
    """
    mean: dict[str, Any] = {}
    for key in scores[0]:
        values = [test[key] for test in scores]
        mean[key] = None if None in values else round(float(np.mean(values)), DIGITS)
    low, high = np.percentile(np.mean(drawn, axis=0), [2.5, 97.5])
    sums = {"n": sum(test["n"] for test in scores)}
    return mean | sums | {"macro_f1_low": round(float(low), DIGITS), "macro_f1_high": round(float(high), DIGITS)}
