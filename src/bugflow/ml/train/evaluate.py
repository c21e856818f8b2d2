"""What a recipe is worth: on later months and on unseen trackers, beside simple peers."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.calibration import Calibration
from bugflow.ml.features import Features
from bugflow.ml.metrics import calibration_error, summarise
from bugflow.ml.train.costs import thin
from bugflow.ml.train.dataset import Dataset, Index
from bugflow.ml.train.linear import Fitted, fit, spread
from bugflow.ml.train.peers import Peer, answer_keywords, answer_majority, answer_tfidf
from bugflow.ml.train.recipe import SEVERITY_ORDER, Recipe

SHOWN_PROMISES = (0.80, 0.90, 0.95)
FEWEST_IN_SOURCE = 400  # of the rows that count, for a tracker to be held out
MOST_TRAINING_ROWS = 30_000  # of a held-out-tracker run, evenly spread: six of them then take 2 minutes, not 10
MOST_TEST_ROWS = 3_000  # of such a run in a training report; `bugflow bench` takes all
N_SOURCES = 6  # largest trackers held out, one at a time

Scores = dict[str, Any]


class Scorer(Protocol):
    """Gives logits, float64 [n, k]."""

    def score(self, features: Features) -> NDArray[np.float64]: ...


class Calibrated(Protocol):
    """A model of any kind with its calibration."""

    @property
    def model(self) -> Scorer: ...

    @property
    def calibration(self) -> Calibration: ...


def evaluate_by_time(data: Dataset, fitted: Fitted, *, train: Index, later: Index, test: Index) -> Scores:
    """Scores on the newest reports of each tracker, of a fitted model and of three peers trained on the same rows."""
    counted = test[thin(data.weights[test])]
    return {
        "n_train": len(train) + len(later),
        "n_calibration": len(later),
        "n_test": len(counted),
        "regularisation": fitted.recipe.regularisation,
        "signal_scale": fitted.recipe.signal_scale,
        "model": score(fitted, data, counted),
        "model_without_projects": score(fitted, data, counted, knows_projects=False),
        "model_all_test_rows": score(fitted, data, test),
        "peers": score_peers(data, train=train, later=later, test=counted),
    }


def score_peers(data: Dataset, *, train: Index, later: Index, test: Index) -> dict[str, Scores]:
    """Scores of simple models on the test rows: the commonest label, the keyword rules, plain TF-IDF."""
    peers: dict[str, Peer] = {"majority": answer_majority, "tfidf_lr_balanced": answer_tfidf}
    if (data.by_keywords[test] >= 0).any():
        peers["keywords"] = answer_keywords
    rows = np.concatenate([train, later])
    return {name: _summarise(data, data.truth[test], peer(data, rows, test).predicted) for name, peer in peers.items()}


def evaluate_by_source(data: Dataset, recipe: Recipe, *, progress: Callable[[str], None]) -> dict[str, Scores]:
    """Scores on each of the largest trackers of a model that never saw it; empty with fewer than three trackers."""
    result = {}
    for source, train, later, test in split_by_source(data, recipe):
        test = spread(test, most=MOST_TEST_ROWS)  # noqa: PLW2901
        fitted = fit(data, recipe, train=train, later=later)
        result[source] = {
            "model": score(fitted, data, test),
            "peers": score_peers(data, train=train, later=later, test=test),
        }
        progress(f"without {source}: macro-F1 {result[source]['model']['macro_f1']:.3f}")
    return result


def split_by_source(data: Dataset, recipe: Recipe) -> Iterator[tuple[str, Index, Index, Index]]:
    """Name of a tracker left out, then training, calibration and test rows; nothing with fewer than three trackers."""
    names, sizes = np.unique(data.sources[thin(data.weights)], return_counts=True)
    if len(np.unique(data.sources)) < 3:
        return
    largest = [str(names[place]) for place in np.argsort(-sizes, kind="stable") if sizes[place] >= FEWEST_IN_SOURCE]
    for source in largest[:N_SOURCES]:
        test = np.flatnonzero((data.sources == source) & thin(data.weights))
        if len(np.unique(data.truth[test])) < 2:
            continue
        rest = np.flatnonzero(data.sources != source)
        newest = np.nan_to_num(data.age[rest], nan=0.0) >= 1 - recipe.calibration_share
        older = rest[~newest]
        yield source, spread(older, most=MOST_TRAINING_ROWS), rest[newest], test


def score(fitted: Calibrated, data: Dataset, rows: Index, *, knows_projects: bool = True) -> Scores:
    """All scores of a fitted model on some rows, with what its promises turn out to be worth there."""
    features = data.features.rows(rows)
    if not knows_projects:
        features = replace(features, projects=[""] * len(rows))
    projects = features.projects
    probabilities, answers = fitted.calibration.answer(fitted.model.score(features), projects)
    truth = data.truth[rows]
    confidence = probabilities[np.arange(len(rows)), answers]
    scores = _summarise(data, truth, answers)
    scores["calibration_error"] = round(calibration_error(confidence, answers == truth), 4)
    top_three = np.argsort(-probabilities, axis=1, kind="stable")[:, :3]
    scores["top_three_accuracy"] = round(float((top_three == truth[:, None]).any(axis=1).mean()), 4)
    scores["promises"] = {
        f"{promise:.2f}": _promise(
            fitted.calibration, promise, projects=projects, confidence=confidence, answers=answers, truth=truth
        )
        for promise in SHOWN_PROMISES
    }
    return scores


def _promise(
    calibration: Calibration,
    promise: float,
    *,
    projects: Sequence[str],
    confidence: NDArray[np.float64],
    answers: Index,
    truth: Index,
) -> Scores:
    bars = {project: calibration.of(project).bar(promise) for project in set(projects)}
    least = [bars[project].thresholds[answer] for project, answer in zip(projects, answers.tolist(), strict=True)]
    acted = confidence >= np.asarray(least)
    right = float((answers == truth)[acted].mean()) if acted.any() else None
    return {"coverage": round(float(acted.mean()), 4), "precision": None if right is None else round(right, 4)}


def _summarise(data: Dataset, truth: Index, answers: Index) -> Scores:
    return summarise(truth, answers, labels=data.labels, ordinal=data.labels == SEVERITY_ORDER)
