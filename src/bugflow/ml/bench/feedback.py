"""Track `feedback`: what corrections are worth on a tracker that the model has never seen."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bugflow.domain.predictions import Decision, Task
from bugflow.ml.artifact import Artifact
from bugflow.ml.bench.answers import DIGITS
from bugflow.ml.bench.bench import Bench
from bugflow.ml.bench.tables import Table
from bugflow.ml.calibration import decide
from bugflow.ml.encoder import Encoder
from bugflow.ml.live import NEAR
from bugflow.ml.metrics import accuracy, calibration_error, macro_f1
from bugflow.ml.train.adapt import adapt
from bugflow.ml.train.corrections import Corrections
from bugflow.ml.train.costs import thin
from bugflow.ml.train.dataset import Dataset, Index, read_dataset
from bugflow.ml.train.evaluate import split_by_source
from bugflow.ml.train.linear import fit
from bugflow.ml.train.peers import SHOWN_PROMISE
from bugflow.ml.train.recipe import Recipe, default_recipe

N_CORRECTIONS = (0, 50, 200, 1_000)
N_SCORED = 500  # bugs after the corrections
FEWEST_SCORED = 300  # for a tracker that ends before
REFIT_WEIGHT = 10.0  # what a correction counts in a refit with all data
FLIPPED = 0.2  # of the labels, in the poisoned run
SEED = 20_260_101

_COLUMNS = {
    "n": "corrections", "name": "", "accuracy": "accuracy", "macro_f1": "macro-F1",
    "calibration_error": "calibration error", "coverage": f"acts on, promise {SHOWN_PROMISE:.2f}",
    "precision": "right there", "doubtful": "set aside", "n_trackers": "trackers",
}  # fmt: skip
_NOTES = (
    "The tracker's first reports in the order of time, with the labels of its people, are the corrections; the next "
    f"{N_SCORED} are scored; means over trackers. The model that is corrected learned from the other trackers only.",
    "Commonest label: of the corrections. Memory only: the base, but where a corrected report says nearly the same "
    f"(cosine {NEAR}) its label, as the product answers for teams until the next model. Nearest: the label of the "
    "corrected report nearest in meaning. Refit: the base trained again on its data and the corrections, each of which "
    f"counts {REFIT_WEIGHT:.0f}.",
    f"A fifth flipped: {FLIPPED:.0%} of the labels replaced by a random other one.",
)


@dataclass(frozen=True, slots=True)
class Replay:
    """One tracker: the base that never saw it, its rows in order of time, and those that the base learned from."""

    base: Artifact
    data: Dataset
    rows: Index
    train: Index
    later: Index

    @property
    def encoder(self) -> Encoder:
        assert self.data.encoder is not None  # noqa: S101 - read with one
        return self.data.encoder


def measure_feedback(bench: Bench) -> list[Table]:
    """Team and severity after 0, 50, 200 and 1,000 corrections, beside peers."""
    tables = []
    for task in (Task.TEAM, Task.SEVERITY):
        recipe = default_recipe(task.value, task.value)
        with bench.trackers_for(bench.limit) as files:
            data = read_dataset(files, recipe, encoder=bench.encoder(), progress=bench.tell)
        figures: dict[tuple[int, str], list[dict[str, Any]]] = {}
        names = []
        for source, replay in replays(data, recipe):
            bench.tell(f"{task.value}: {source}")
            names.append(source)
            for n, name, figure in _score_all(replay, recipe):
                figures.setdefault((n, name), []).append(figure)
        rows = [
            {"n": n, "name": name, "n_trackers": len(found), **_mean(found)} for (n, name), found in figures.items()
        ]
        split = f"trackers never seen, one at a time: {', '.join(names)}"
        tables.append(Table(f"feedback: {task.value} after corrections", split, _COLUMNS, rows, _NOTES))
    return tables


def replays(data: Dataset, recipe: Recipe) -> Iterator[tuple[str, Replay]]:
    for source, train, later, test in split_by_source(data, recipe):
        if np.isnan(data.age[test]).all():
            continue
        rows = test[np.argsort(data.age[test], kind="stable")]
        fitted = fit(data, recipe, train=train, later=later)
        base = Artifact(f"{recipe.task}-1", recipe.task, fitted.model, fitted.calibration, {}, {}, "")
        yield source, Replay(base, data, rows, train, later)


def _score_all(replay: Replay, recipe: Recipe) -> Iterator[tuple[int, str, dict[str, Any]]]:
    data, rows = replay.data, replay.rows
    for n in N_CORRECTIONS:
        known, asked = rows[:n], rows[n : n + N_SCORED]
        if len(asked) < FEWEST_SCORED:
            continue
        ways: dict[str, Callable[[Index, Index], dict[str, Any]]] = {
            "no learning": lambda _known, asked: _score(replay.base, data, asked)
        }
        if n:
            ways |= {
                "commonest label": lambda known, asked: _score_answers(
                    data, asked, np.full(len(asked), np.bincount(data.truth[known]).argmax())
                ),
                "memory only": lambda known, asked: _score_answers(data, asked, _remember(replay, known, asked)),
                "nearest": lambda known, asked: _score_answers(data, asked, _nearest(replay, known, asked)),
                "refit": lambda known, asked: _score(_refit(replay, recipe, known), data, asked),
                "adapted": lambda known, asked: _adapt(replay, known, asked, _labels(data, known)),
                "adapted, a fifth flipped": lambda known, asked: _adapt(replay, known, asked, _flipped(data, known)),
            }
        for name, way in ways.items():
            yield n, name, way(known, asked)


def _labels(data: Dataset, rows: Index) -> list[str]:
    return [data.labels[place] for place in data.truth[rows]]


def _flipped(data: Dataset, rows: Index) -> list[str]:
    draw = np.random.default_rng(SEED)
    k = len(data.labels)
    shift = np.where(draw.random(len(rows)) < FLIPPED, draw.integers(1, k, len(rows)), 0)
    return [data.labels[place] for place in (data.truth[rows] + shift) % k]


def _adapt(replay: Replay, known: Index, asked: Index, labels: Sequence[str]) -> dict[str, Any]:
    corrections = Corrections(replay.data.features.rows(known), labels, np.ones(len(known)))
    adapted = adapt(replay.base, corrections, name="adapted-1", encoder=replay.encoder)
    return _score(adapted.artifact, replay.data, asked) | {"doubtful": float(adapted.doubtful.mean())}


def _refit(replay: Replay, recipe: Recipe, known: Index) -> Artifact:
    weights = replay.data.weights.copy()
    weights[known] = REFIT_WEIGHT
    data = replace(replay.data, weights=weights)
    fitted = fit(data, recipe, train=np.concatenate([replay.train, known]), later=replay.later)
    return replace(replay.base, model=fitted.model, calibration=fitted.calibration)


def _remember(replay: Replay, known: Index, asked: Index) -> Index:
    """The base's answers; where all near twins among the corrected reports have one label, that one."""
    features = replay.data.features.rows(asked)
    answers = replay.base.calibration.answer(replay.base.model.score(features), features.projects)[1].copy()
    labels = replay.data.truth[known]
    for row, near in enumerate(_cosines(replay, known, asked) >= NEAR):
        if len(np.unique(labels[near])) == 1:
            answers[row] = labels[near][0]
    return answers


def _nearest(replay: Replay, known: Index, asked: Index) -> Index:
    return np.asarray(replay.data.truth[known][_cosines(replay, known, asked).argmax(axis=1)])


def _cosines(replay: Replay, known: Index, asked: Index) -> NDArray[np.float32]:
    """Of each asked report with each known one, [asked, known]."""
    vectors = replay.encoder.encode(replay.data.texts(np.concatenate([known, asked])))
    return np.asarray(vectors[len(known) :] @ vectors[: len(known)].T)


def _score(artifact: Artifact, data: Dataset, rows: Index) -> dict[str, Any]:
    features, calibration = data.features.rows(rows), artifact.calibration
    probabilities, chosen = calibration.answer(artifact.model.score(features), features.projects)
    acts = np.asarray(
        [
            decide(row, answer, calibration.of(project).bar(SHOWN_PROMISE)) is Decision.AUTO
            for row, answer, project in zip(probabilities, chosen.tolist(), features.projects, strict=True)
        ]
    )
    right = chosen == data.truth[rows]
    confidence = probabilities[np.arange(len(rows)), chosen]
    return _score_answers(data, rows, chosen) | {
        "calibration_error": calibration_error(confidence, right),
        "coverage": float(acts.mean()),
        "precision": float(right[acts].mean()) if acts.any() else None,
    }


def _score_answers(data: Dataset, rows: Index, answers: NDArray[np.int64]) -> dict[str, Any]:
    truth = data.truth[rows]
    counted = thin(data.weights[rows])
    return {
        "accuracy": accuracy(truth[counted], answers[counted]),
        "macro_f1": macro_f1(truth[counted], answers[counted], n_labels=len(data.labels)),
    }


def _mean(figures: Sequence[dict[str, Any]]) -> dict[str, Any]:
    keys = dict.fromkeys(key for figure in figures for key in figure)
    found = {key: [figure[key] for figure in figures if figure.get(key) is not None] for key in keys}
    return {key: round(float(np.mean(values)), DIGITS) if values else None for key, values in found.items()}
