"""Fit the linear model: vocabulary, logistic regression, calibration."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from bugflow.ml.calibration import Calibration, fit_bars, fit_probabilities
from bugflow.ml.classifier import LinearModel, Vocabulary
from bugflow.ml.features import Features
from bugflow.ml.metrics import macro_f1, quadratic_kappa
from bugflow.ml.train.dataset import Dataset, Index
from bugflow.ml.train.recipe import CANDIDATES, FEWEST_SETTLED, REGULARISATION, SEVERITY_ORDER, Recipe

FEWEST_TO_CALIBRATE = 500  # with fewer rows in the calibration slice, five-fold predictions of all rows are better
N_FOLDS = 5
ABSENT = -10.0  # logit of a label that no training row has: e^-10, never chosen, still finite
ORDINAL_POWERS = (0.5, 1.0)  # cost of being d levels off is d ** power; 2 answers medium nearly always (measured)
PRIOR_POWERS = (0.0, 0.25, 0.5, 0.75, 1.0)  # how far rare labels are made up for; chosen on the calibration slice


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model with its calibration."""

    model: LinearModel
    calibration: Calibration
    regularisation: float


def fit(data: Dataset, recipe: Recipe, *, train: Index, later: Index) -> Fitted:
    """Fit on the training rows, calibrate on the later ones, then fit again on both and keep the calibration.

    The newest reports teach most: on the reports after them the second fit gained 0.01 (team) and 0.03 (severity) of
    macro-F1, and probabilities and promises held better. With few later rows, calibration is cross-fitted over all.

    Deterministic: the same rows give the same arrays on the same machine.
    """
    if len(later) < FEWEST_TO_CALIBRATE:
        return _cross_fit(data, recipe, rows=np.sort(np.concatenate([train, later])))
    tried = []
    for strength in _strengths(recipe, n=len(train)):
        model = fit_model(data, recipe, rows=train, regularisation=strength)
        logits = model.score(data.features.rows(later))
        tried.append((_log_loss(logits, data, later), strength, logits))
    _, strength, logits = min(tried, key=lambda entry: entry[:2])
    calibration = calibrate(
        logits, data.truth[later], data.weights[later], labels=data.labels, projects=data.projects(later)
    )
    rows = np.sort(np.concatenate([train, later]))
    return Fitted(fit_model(data, recipe, rows=rows, regularisation=strength), calibration, strength)


def _cross_fit(data: Dataset, recipe: Recipe, *, rows: Index) -> Fitted:
    tried = []
    for strength in _strengths(recipe, n=len(rows)):
        logits = np.zeros((len(rows), len(data.labels)))
        for inside, outside in _folds(data.truth[rows], data.clusters[rows]):
            model = fit_model(data, recipe, rows=rows[inside], regularisation=strength)
            logits[outside] = model.score(data.features.rows(rows[outside]))
        tried.append((_log_loss(logits, data, rows), strength, logits))
    _, strength, logits = min(tried, key=lambda entry: entry[:2])
    model = fit_model(data, recipe, rows=rows, regularisation=strength)
    calibration = calibrate(
        logits, data.truth[rows], data.weights[rows], labels=data.labels, projects=data.projects(rows)
    )
    return Fitted(model, calibration, strength)


def fit_model(data: Dataset, recipe: Recipe, *, rows: Index, regularisation: float) -> LinearModel:
    """Vocabulary and multinomial logistic regression on some rows."""
    features, truth = data.features.rows(rows), data.truth[rows]
    vocabulary = choose_words(features, recipe)
    present, k = np.unique(truth), len(data.labels)
    weights = np.zeros((len(vocabulary.keys) + features.signals.shape[1], k))
    intercept = np.full(k, ABSENT)
    regression = LogisticRegression(C=regularisation, tol=recipe.tolerance, max_iter=recipe.max_iterations)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # stopping early is one more regulariser, and in the recipe
        regression.fit(vocabulary.weigh(features), truth, sample_weight=data.weights[rows])
    both = np.vstack([-regression.coef_, regression.coef_]) / 2 if len(present) == 2 else regression.coef_
    start = np.asarray([-0.5, 0.5]) * regression.intercept_ if len(present) == 2 else regression.intercept_
    weights[:, present], intercept[present] = both.T, start
    stored = np.where(np.arange(len(weights))[:, None] < len(vocabulary.keys), weights.astype(np.float16), weights)
    return LinearModel(data.labels, vocabulary, stored.astype(np.float32).astype(np.float64), intercept)


def choose_words(features: Features, recipe: Recipe) -> Vocabulary:
    """The words and pairs that occur in enough of these reports."""
    least = recipe.min_reports or (1 if features.n < 2_000 else 2 if features.n < 10_000 else 5)
    keys, n_reports = np.unique(features.keys, return_counts=True)
    kept = n_reports >= least
    idf = 1 + np.log((1 + features.n) / (1 + n_reports[kept]))
    return Vocabulary(keys[kept], idf.astype(np.float16).astype(np.float32))


def calibrate(
    logits: NDArray[np.float64],
    truth: Index,
    weights: NDArray[np.float64],
    *,
    labels: tuple[str, ...],
    projects: Sequence[str] = (),
) -> Calibration:
    """Probabilities, costs and bars from predictions of rows that the model was not trained on.

    Where projects are named, what holds for reports of unknown ones is fitted apart, as if none had been named.
    """
    counted = thin(weights)
    names = projects or [""] * len(truth)
    calibration = fit_probabilities(logits, truth, weights, names)
    probabilities, _ = replace(calibration, costs=_costs(len(labels), ordinal=False)).answer(logits, names)
    calibration = replace(calibration, costs=_choose_costs(probabilities[counted], truth[counted], labels=labels))
    probabilities, chosen = calibration.answer(logits, names)
    calibration = replace(calibration, bars=fit_bars(probabilities[counted], chosen[counted], truth[counted]))
    if not calibration.shares:
        return calibration
    return replace(calibration, strangers=calibrate(logits, truth, weights, labels=labels))


def thin(weights: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which rows to count where a row counts once or not at all: a share of them equal to their weight, evenly spread.

    Weak labels (a preset severity) must not decide what a promise is worth.
    """
    total = np.cumsum(np.minimum(weights, 1.0))
    return np.asarray(np.floor(total + 1e-9) > np.floor(total - np.minimum(weights, 1.0) + 1e-9))


def _choose_costs(
    probabilities: NDArray[np.float64], truth: Index, *, labels: tuple[str, ...]
) -> tuple[tuple[float, ...], ...]:
    """The costs whose answers have the best macro-F1, for severity the best mean of macro-F1 and kappa."""
    k, ordinal = len(labels), labels == SEVERITY_ORDER
    prior = (np.bincount(truth, minlength=k) + 1) / (len(truth) + k)
    best = (-np.inf, _costs(k, ordinal=ordinal))
    for power in ORDINAL_POWERS if ordinal else (1.0,):
        for made_up in PRIOR_POWERS:
            costs = _costs(k, ordinal=ordinal, power=power, prior=prior**-made_up)
            answers = np.argmin(probabilities @ np.asarray(costs), axis=1)
            gain = macro_f1(truth, answers, n_labels=k)
            if ordinal:
                gain = (gain + quadratic_kappa(truth, answers, n_labels=k)) / 2
            if gain > best[0] + 1e-9:
                best = (gain, costs)
    return best[1]


def _costs(
    k: int, *, ordinal: bool, power: float = 1.0, prior: NDArray[np.float64] | None = None
) -> tuple[tuple[float, ...], ...]:
    level = np.arange(k)
    distance = np.abs(level[:, None] - level[None, :]).astype(np.float64)
    costs = distance**power if ordinal else (distance > 0).astype(np.float64)
    if prior is not None:
        costs = costs * prior[:, None]
    return tuple(tuple(float(value) for value in row) for row in costs)


def _strengths(recipe: Recipe, *, n: int) -> tuple[float, ...]:
    fixed = recipe.regularisation or (REGULARISATION.get(recipe.task) if n >= FEWEST_SETTLED else None)
    return (fixed,) if fixed else CANDIDATES


def _log_loss(logits: NDArray[np.float64], data: Dataset, rows: Index) -> float:
    """Of the calibrated probabilities, so that only the order of the answers counts, not their overconfidence."""
    p = fit_probabilities(logits, data.truth[rows], data.weights[rows]).probabilities(logits)
    return float(-np.average(np.log(p[np.arange(len(rows)), data.truth[rows]]), weights=data.weights[rows]))


def _folds(truth: Index, clusters: Index) -> Iterator[tuple[Index, Index]]:
    """Stratified folds in row order; a duplicate cluster follows its first member."""
    fold = np.zeros(len(truth), np.int64)
    for label in np.unique(truth):
        members = np.flatnonzero(truth == label)
        fold[members] = np.arange(len(members)) % N_FOLDS
    _, first = np.unique(clusters, return_index=True)
    leader = first[np.searchsorted(clusters[first], clusters)]
    fold = fold[leader]
    for number in range(N_FOLDS):
        yield np.flatnonzero(fold != number), np.flatnonzero(fold == number)
