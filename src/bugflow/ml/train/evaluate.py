"""What a recipe is worth: on later months and on unseen trackers, beside simple peers."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from bugflow.ml.calibration import Calibration
from bugflow.ml.features import Features
from bugflow.ml.metrics import calibration_error, summarise
from bugflow.ml.train.dataset import Dataset, Index
from bugflow.ml.train.linear import fit, thin
from bugflow.ml.train.recipe import SEVERITY_ORDER, Recipe

SHOWN_PROMISES = (0.80, 0.90, 0.95)
FEWEST_IN_SOURCE = 400  # of the rows that count, for a tracker to be held out
MOST_TRAINING_ROWS = 30_000  # of a held-out-tracker run, evenly spread: six of them then take 2 minutes, not 10
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


def evaluate_by_time(data: Dataset, recipe: Recipe, *, train: Index, later: Index, test: Index) -> Scores:
    """Scores on the newest reports of each tracker, of the recipe and of three peers trained on the same rows."""
    fitted = fit(data, recipe, train=train, later=later)
    counted = test[thin(data.weights[test])]
    return {
        "n_train": len(train) + len(later),
        "n_calibration": len(later),
        "n_test": len(counted),
        "regularisation": fitted.regularisation,
        "model": score(fitted, data, counted),
        "model_without_projects": score(fitted, data, counted, knows_projects=False),
        "model_all_test_rows": score(fitted, data, test),
        "peers": score_peers(data, train=train, later=later, test=counted),
    }


def score_peers(data: Dataset, *, train: Index, later: Index, test: Index) -> dict[str, Scores]:
    """Scores of simple models on the test rows: the commonest label, the keyword rules, plain TF-IDF."""
    return {
        "majority": _score_majority(data, train, test),
        **_score_keywords(data, test),
        "tfidf_lr_balanced": _score_plain(data, np.concatenate([train, later]), test),
    }


def evaluate_by_source(data: Dataset, recipe: Recipe, *, progress: Callable[[str], None]) -> dict[str, Scores]:
    """Scores on each of the largest trackers of a model that never saw it; empty with fewer than three trackers."""
    result = {}
    for source, train, later, test in split_by_source(data, recipe):
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
        train = older[np.unique(np.linspace(0, len(older) - 1, min(len(older), MOST_TRAINING_ROWS)).astype(np.int64))]
        yield source, train, rest[newest], test


def score(fitted: Calibrated, data: Dataset, rows: Index, *, knows_projects: bool = True) -> Scores:
    """All scores of a fitted model on some rows, with what its promises turn out to be worth there."""
    projects = data.projects(rows) if knows_projects else [""] * len(rows)
    probabilities, answers = fitted.calibration.answer(fitted.model.score(data.features.rows(rows)), projects)
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


def _score_majority(data: Dataset, train: Index, test: Index) -> Scores:
    commonest = int(np.bincount(data.truth[train], weights=data.weights[train]).argmax())
    return _summarise(data, data.truth[test], np.full(len(test), commonest))


def _score_keywords(data: Dataset, test: Index) -> dict[str, Scores]:
    answers = data.by_keywords[test]
    if (answers < 0).all():
        return {}
    return {"keywords": _summarise(data, data.truth[test], np.maximum(answers, 0))}


def _score_plain(data: Dataset, train: Index, test: Index) -> Scores:
    """TF-IDF of words and pairs with class-balanced logistic regression, scikit-learn's defaults elsewhere."""
    vectorizer = TfidfVectorizer(
        ngram_range=(1, 2), min_df=1 if len(train) < 2_000 else 3, sublinear_tf=True, dtype=np.float32
    )
    plain = LogisticRegression(class_weight="balanced", tol=1e-3, max_iter=300)
    texts = data.features.texts
    plain.fit(vectorizer.fit_transform([texts[row] for row in train]), data.truth[train], data.weights[train])
    answers = plain.predict(vectorizer.transform([texts[row] for row in test]))
    return _summarise(data, data.truth[test], answers.astype(np.int64))


def _summarise(data: Dataset, truth: Index, answers: Index) -> Scores:
    return summarise(truth, answers, labels=data.labels, ordinal=data.labels == SEVERITY_ORDER)
