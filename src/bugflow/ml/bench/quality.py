"""Tracks `severity` and `team`: human labels, later months of known trackers and trackers never seen."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bugflow.domain.predictions import Task
from bugflow.ml.bench.answers import N_RESAMPLES, average_scores, resampled_f1, score_answers
from bugflow.ml.bench.bench import Bench
from bugflow.ml.bench.house import HOUSE, answer_fitted
from bugflow.ml.bench.peers import make_peers
from bugflow.ml.bench.tables import Table
from bugflow.ml.train.costs import thin
from bugflow.ml.train.dataset import Dataset, Index, read_dataset, split_by_time
from bugflow.ml.train.evaluate import FEWEST_IN_SOURCE, MOST_TRAINING_ROWS, split_by_source
from bugflow.ml.train.linear import fit
from bugflow.ml.train.peers import SHOWN_PROMISE, Answers, Peer
from bugflow.ml.train.recipe import Recipe, default_recipe

_COLUMNS = {"accuracy": "accuracy", "macro_f1": "macro-F1", "macro_f1_low": "95 % from", "macro_f1_high": "to"}
_SEVERITY_COLUMNS = {
    "kappa": "kappa (quadratic)", "severe_recall": "high+critical recall", "severe_precision": "precision"
}  # fmt: skip
_PROBABILITY_COLUMNS = {
    "calibration_error": "calibration error",
    "top_three": "top-3",
    "coverage": f"acts on, promise {SHOWN_PROMISE:.2f}",
    "precision": "right there",
}
_NOTES = (
    "A weak label (a tracker's preset severity: 0.3, a team by a weak rule: 0.5) counts so much in training; of "
    "such reports that share is in the test.",
    f"Interval: {N_RESAMPLES} seeded draws of the test rows. Peers act where their own probability reaches the "
    "promise; BugFlow where its bar does, fitted on the calibration slice. Peers train on that slice as well.",
)


def measure_severity(bench: Bench) -> list[Table]:
    """Severity beside every peer, in both splits."""
    return measure_quality(bench, Task.SEVERITY)


def measure_team(bench: Bench) -> list[Table]:
    """Team beside every peer, in both splits."""
    return measure_quality(bench, Task.TEAM)


def measure_quality(bench: Bench, task: Task) -> list[Table]:
    """One table of the newest reports, and of trackers never seen one of their mean and one of each.

    Raises:
        TooFewSamples: The files hold too few labels of this task.
    """
    recipe = default_recipe(task.value, task.value)
    with bench.trackers_for(bench.limit) as files:
        data = read_dataset(files, recipe, encoder=bench.encoder(), progress=bench.tell)
    peers, missing = make_peers(data, bench.peer_encoder())
    columns = {"name": "", **_COLUMNS, **(_SEVERITY_COLUMNS if task is Task.SEVERITY else {}), **_PROBABILITY_COLUMNS}
    notes = (*_NOTES, *missing)
    return [
        _by_time(bench, data, recipe, peers, columns=columns, notes=notes),
        *_by_source(bench, data, recipe, peers, columns=columns, notes=notes),
    ]


def _by_time(
    bench: Bench,
    data: Dataset,
    recipe: Recipe,
    peers: dict[str, Peer],
    *,
    columns: dict[str, str],
    notes: tuple[str, ...],
) -> Table:
    train, later, test = split_by_time(data, recipe, test_share=recipe.test_share)
    test = test[thin(data.weights[test])]
    fitted = fit(data, recipe, train=train, later=later)
    answers = {HOUSE: answer_fitted(fitted, data, test)}
    answers |= _answer_peers(bench, data, peers, np.concatenate([train, later]), test)
    how = "pseudo-random order, because nothing is dated" if np.isnan(data.age).all() else "by time"
    return Table(
        title=f"{recipe.task}: newest reports of known trackers",
        split=f"{how}; newest {recipe.test_share:.0%} of each tracker: {len(test):,} test reports, {len(train):,} "
        f"train, {len(later):,} calibrate, then train as well",
        columns=columns,
        rows=[{"name": name, **score_answers(data, test, given)} for name, given in answers.items()],
        notes=notes,
    )


def _by_source(
    bench: Bench,
    data: Dataset,
    recipe: Recipe,
    peers: dict[str, Peer],
    *,
    columns: dict[str, str],
    notes: tuple[str, ...],
) -> list[Table]:
    scores: dict[str, dict[str, dict[str, Any]]] = {}
    drawn: dict[str, list[NDArray[np.float64]]] = {}
    for source, train, later, test in split_by_source(data, recipe):
        bench.tell(f"{recipe.task} without {source}")
        answers = {HOUSE: answer_fitted(fit(data, recipe, train=train, later=later), data, test)}
        answers |= _answer_peers(bench, data, peers, np.concatenate([train, later]), test)
        for name, given in answers.items():
            scores.setdefault(name, {})[source] = score_answers(data, test, given)
            f1 = resampled_f1(data.truth[test], given.predicted, n_labels=len(data.labels))
            drawn.setdefault(name, []).append(f1)
    if not scores:
        bench.tell(f"{recipe.task}: too few trackers of {FEWEST_IN_SOURCE} reports to leave one out")
        return []
    n_held_out = len(drawn[HOUSE])
    split = (
        f"by source; {n_held_out} largest trackers, each the test of models that never saw it, at most "
        f"{MOST_TRAINING_ROWS:,} training rows"
    )
    mean = [{"name": name, **average_scores([*by.values()], drawn[name])} for name, by in scores.items()]
    each = [{"tracker": source, "name": name, **by[source]} for source in scores[HOUSE] for name, by in scores.items()]
    return [
        Table(f"{recipe.task}: mean of {n_held_out} trackers never seen", split, columns, mean, notes),
        Table(
            f"{recipe.task}: each tracker never seen", split, {"tracker": "tracker", "n": "reports", **columns}, each
        ),
    ]


def _answer_peers(bench: Bench, data: Dataset, peers: dict[str, Peer], train: Index, test: Index) -> dict[str, Answers]:
    answers = {}
    for name, peer in peers.items():
        bench.tell(f"{name} on {len(train):,} reports")
        answers[name] = peer(data, train, test)
    return answers
