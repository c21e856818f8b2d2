"""Fit the linear model: vocabulary, logistic regression, calibration."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from bugflow.ml.calibration import Calibration, fit_bars, fit_probabilities
from bugflow.ml.classifier import FIELD_SCALES, LinearModel, Meaning, Vocabulary
from bugflow.ml.encoder import Encoder
from bugflow.ml.features import Features
from bugflow.ml.train.costs import choose_costs, make_costs, thin
from bugflow.ml.train.dataset import Dataset, Index
from bugflow.ml.train.recipe import (
    CANDIDATES,
    FEWEST_SETTLED,
    REGULARISATION,
    SIGNAL_SCALE,
    SIGNAL_SCALE_OF_FEW,
    Recipe,
)

FEWEST_TO_CALIBRATE = 1_000  # with fewer rows in the calibration slice, five-fold predictions of all rows are better
N_FOLDS = 5
MEANING_REGULARISATION = 1.0  # C; 0.3 to 10 tried, with 400 to 20,000 reports
MEANING_GAIN = 0.005  # nats a report; what an encoder must win to read each one, at ten times the time of the words
MOST_READ = 20_000  # reports; the encoder reads 150 a second on two cores
ABSENT = -10.0  # logit of a label that no training row has: e^-10, never chosen, still finite


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model with its calibration, and the recipe with what the data decided."""

    model: LinearModel
    calibration: Calibration
    recipe: Recipe


def fit(data: Dataset, recipe: Recipe, *, train: Index, later: Index) -> Fitted:
    """Fit on the training rows, calibrate on the later ones, then fit again on both and keep the calibration.

    The newest reports teach most: on the reports after them the second fit gained 0.01 (team) and 0.03 (severity) of
    macro-F1, and probabilities and promises held better. With few later rows, calibration is cross-fitted over all.

    If the data has an encoder, a model of the texts' meaning is added where it pays: for every report if that lowers
    the log loss of the held-out ones by `MEANING_GAIN`, else for reports of projects that get no share.

    Deterministic: the same rows give the same arrays on the same machine.
    """
    rows = np.sort(np.concatenate([train, later]))
    splits = [(train, later)]
    if len(later) < FEWEST_TO_CALIBRATE:
        splits = [(rows[inside], rows[outside]) for inside, outside in _folds(data.truth[rows], data.clusters[rows])]
    held = np.sort(np.concatenate([outside for _, outside in splits]))
    tried = []
    for settled in _settings(recipe, n=len(splits[0][0])):
        words = np.zeros((len(held), len(data.labels)))
        for inside, outside in splits:
            model = fit_words(data, settled, rows=inside)
            words[np.searchsorted(held, outside)] = model.score_words(data.features.rows(outside))
        tried.append((_log_loss(words, data, held), settled, words))
    _, settled, words = min(tried, key=lambda entry: entry[0])
    model = fit_words(data, settled, rows=rows)
    projects = data.projects(held)
    calibration = _calibrate_rows(data, held, words, projects)
    if data.encoder is None:
        return Fitted(model, calibration, settled)
    both = words.copy()
    for inside, outside in splits:
        meaning = fit_meaning(data, recipe, data.encoder, rows=inside)
        both[np.searchsorted(held, outside)] += meaning.score(data.encoder.encode(data.texts(outside)))
    model = replace(model, meaning=fit_meaning(data, recipe, data.encoder, rows=rows))
    if _log_loss(words, data, held, projects) - _log_loss(both, data, held, projects) > MEANING_GAIN:
        return Fitted(model, _calibrate_rows(data, held, both, projects), settled)
    if not calibration.shares:
        return Fitted(replace(model, meaning=None), calibration, settled)
    strangers = replace(_calibrate_rows(data, held, both, []), bars={})
    familiar = frozenset(calibration.shares)
    return Fitted(replace(model, familiar=familiar), replace(calibration, strangers=strangers), settled)


def fit_words(data: Dataset, recipe: Recipe, *, rows: Index) -> LinearModel:
    """Vocabulary and multinomial logistic regression on some rows, by a recipe that leaves nothing open."""
    features = data.features.rows(rows)
    vocabulary = choose_words(features, recipe)
    strength = recipe.regularisation or CANDIDATES[0]
    weights, intercept = _regress(vocabulary.weigh(features), data, recipe, rows=rows, regularisation=strength)
    stored = np.where(np.arange(len(weights))[:, None] < len(vocabulary.keys), weights.astype(np.float16), weights)
    return LinearModel(data.labels, vocabulary, stored.astype(np.float32).astype(np.float64), intercept)


def fit_meaning(data: Dataset, recipe: Recipe, encoder: Encoder, *, rows: Index) -> Meaning:
    """Multinomial logistic regression on the vectors of at most `MOST_READ` of these rows."""
    rows = spread(rows, most=MOST_READ)
    vectors = encoder.encode(data.texts(rows))
    weights, intercept = _regress(vectors, data, recipe, rows=rows, regularisation=MEANING_REGULARISATION)
    return Meaning(encoder, weights.astype(np.float32).astype(np.float64), intercept)


def spread(rows: Index, *, most: int) -> Index:
    """At most so many of these rows, evenly spread over their order."""
    return rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), most)).astype(np.int64))]


def _regress(
    columns: Any, data: Dataset, recipe: Recipe, *, rows: Index, regularisation: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights [d, k] and intercept [k] of a logistic regression on columns [n, d] of these n rows."""
    truth = data.truth[rows]
    present, k = np.unique(truth), len(data.labels)
    weights, intercept = np.zeros((columns.shape[1], k)), np.full(k, ABSENT)
    regression = LogisticRegression(C=regularisation, tol=recipe.tolerance, max_iter=recipe.max_iterations)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # stopping early is one more regulariser, and in the recipe
        regression.fit(columns, truth, sample_weight=data.weights[rows])
    both = np.vstack([-regression.coef_, regression.coef_]) / 2 if len(present) == 2 else regression.coef_
    start = np.asarray([-0.5, 0.5]) * regression.intercept_ if len(present) == 2 else regression.intercept_
    weights[:, present], intercept[present] = both.T, start
    return weights, intercept


def choose_words(features: Features, recipe: Recipe) -> Vocabulary:
    """The words and pairs that occur in enough of these reports."""
    least = recipe.min_reports or (1 if features.n < 2_000 else 2 if features.n < 10_000 else 5)
    keys, n_reports = np.unique(features.keys, return_counts=True)
    kept = n_reports >= least
    idf = 1 + np.log((1 + features.n) / (1 + n_reports[kept]))
    scales = np.asarray((*FIELD_SCALES, recipe.signal_scale or SIGNAL_SCALE), np.float32)
    return Vocabulary(keys[kept], idf.astype(np.float16).astype(np.float32), scales)


def calibrate(
    logits: NDArray[np.float64],
    truth: Index,
    weights: NDArray[np.float64],
    *,
    labels: tuple[str, ...],
    projects: Sequence[str] = (),
) -> Calibration:
    """Probabilities, costs and bars from predictions of rows that the model was not trained on.

    Where projects are named, what holds for reports of unknown ones is fitted apart, as if none had been named; it has
    no bars, because a promise that was measured on known projects is not kept on others (0.90 asked for, 0.37 to 0.93
    found on six trackers never seen).
    """
    counted = thin(weights)
    names = projects or [""] * len(truth)
    calibration = fit_probabilities(logits, truth, weights, names)
    probabilities, _ = replace(calibration, costs=make_costs(len(labels), ordinal=False)).answer(logits, names)
    calibration = replace(calibration, costs=choose_costs(probabilities[counted], truth[counted], labels=labels))
    probabilities, chosen = calibration.answer(logits, names)
    calibration = replace(calibration, bars=fit_bars(probabilities[counted], chosen[counted], truth[counted]))
    if not calibration.shares:
        return calibration
    return replace(calibration, strangers=replace(calibrate(logits, truth, weights, labels=labels), bars={}))


def _settings(recipe: Recipe, *, n: int) -> list[Recipe]:
    """The recipes to try with n training reports; those that come first win ties."""
    many = n >= FEWEST_SETTLED
    known = recipe.regularisation or (REGULARISATION.get(recipe.task) if many else None)
    scale = recipe.signal_scale or (SIGNAL_SCALE if many else SIGNAL_SCALE_OF_FEW)
    return [
        replace(recipe, regularisation=strength, signal_scale=scale) for strength in ((known,) if known else CANDIDATES)
    ]


def _calibrate_rows(data: Dataset, rows: Index, logits: NDArray[np.float64], projects: Sequence[str]) -> Calibration:
    return calibrate(logits, data.truth[rows], data.weights[rows], labels=data.labels, projects=projects)


def _log_loss(logits: NDArray[np.float64], data: Dataset, rows: Index, projects: Sequence[str] = ()) -> float:
    """Of the calibrated probabilities, so that only the order of the answers counts, not their overconfidence."""
    calibration = fit_probabilities(logits, data.truth[rows], data.weights[rows], projects)
    p, _ = replace(calibration, costs=make_costs(len(data.labels), ordinal=False)).answer(
        logits, projects or [""] * len(rows)
    )
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
