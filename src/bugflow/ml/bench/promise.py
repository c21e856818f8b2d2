"""Track `promise`: is a precision that was asked for on one slice kept on later reports?"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from bugflow.domain.predictions import Task
from bugflow.ml.bench.answers import DIGITS
from bugflow.ml.bench.bench import Bench
from bugflow.ml.bench.house import HOUSE, answer_fitted
from bugflow.ml.bench.tables import Table
from bugflow.ml.train.costs import thin
from bugflow.ml.train.dataset import Dataset, Index, read_dataset, split_by_time
from bugflow.ml.train.evaluate import SHOWN_PROMISES
from bugflow.ml.train.linear import Fitted, fit
from bugflow.ml.train.peers import Answers, surest
from bugflow.ml.train.recipe import default_recipe

FEWEST_ANSWERS = 200  # of a replay: at 90 % right, chance alone then moves the precision by 2 points
LEEWAY = 0.03  # a promise counts as kept down to this much less

_COLUMNS = {
    "task": "task", "promise": "promise", "name": "", "coverage": "acts on", "precision": "right there",
    "n_replays": "replays", "n_trackers": "trackers", "kept": f"kept within {LEEWAY * 100:.0f} points",
    "worst": "worst replay",
}  # fmt: skip
_NOTES = (
    f"A replay is a run of consecutive later reports of one tracker on at least {FEWEST_ANSWERS} of which the machine "
    "acts. Who seldom acts has few replays, and who never acts keeps every promise: read the share together with "
    "what it acts on.",
    "Raw softmax: the model's scores as probabilities, without calibration, and the promise as the threshold. "
    "Calibrated probability: the same threshold after calibration.",
)


def measure_promise(bench: Bench) -> list[Table]:
    """What promises of severity and team are worth later."""
    rows = []
    sizes = []
    for task in (Task.TEAM, Task.SEVERITY):
        recipe = default_recipe(task.value, task.value)
        with bench.trackers_for(bench.limit) as files:
            data = read_dataset(files, recipe, encoder=bench.encoder(), progress=bench.tell)
        train, later, test = split_by_time(data, recipe, test_share=recipe.test_share)
        test = test[thin(data.weights[test])]
        bench.tell(f"{task.value}: fitting on {len(train) + len(later):,} reports")
        fitted = fit(data, recipe, train=train, later=later)
        sizes.append(f"{task.value} {len(later):,} calibrate, {len(test):,} later")
        for promise in SHOWN_PROMISES:
            for name, answers in answer_ways(fitted, data, test, promise=promise).items():
                figures = replay(data, test, answers, promise=promise)
                rows.append({"task": task.value, "promise": promise, "name": name, **figures})
    split = f"by time inside each tracker: {'; '.join(sizes)}"
    return [Table("promise: precision asked for on one slice, found on later reports", split, _COLUMNS, rows, _NOTES)]


def answer_ways(fitted: Fitted, data: Dataset, rows: Index, *, promise: float) -> dict[str, Answers]:
    """The product's bars, and the two simple thresholds, on the same scores."""
    ours = answer_fitted(fitted, data, rows, promise=promise)
    raw = np.asarray(softmax(fitted.model.score(data.features.rows(rows)), axis=1))
    return {
        HOUSE: ours,
        "calibrated probability": surest(np.asarray(ours.probabilities), promise=promise),
        "raw softmax": surest(raw, promise=promise),
    }


def replay(data: Dataset, rows: Index, answers: Answers, *, promise: float) -> dict[str, Any]:
    """What became of one promise, tracker by tracker in time order."""
    acts, right = np.asarray(answers.acted), answers.predicted == data.truth[rows]
    replays = list(_replays(data, rows, acts, right))
    precisions = [precision for _, precision in replays]
    return {
        "coverage": round(float(acts.mean()), DIGITS),
        "precision": round(float(right[acts].mean()), DIGITS) if acts.any() else None,
        "n_answers": int(acts.sum()),
        "n_replays": len(replays),
        "n_trackers": len({source for source, _ in replays}),
        "kept": round(float(np.mean(np.asarray(precisions) >= promise - LEEWAY)), DIGITS) if replays else None,
        "worst": round(min(precisions), DIGITS) if replays else None,
    }


def _replays(
    data: Dataset, rows: Index, acts: NDArray[np.bool_], right: NDArray[np.bool_]
) -> Iterator[tuple[str, float]]:
    """Tracker and precision of each replay."""
    for source in np.unique(data.sources[rows]):
        of_source = np.flatnonzero((data.sources[rows] == source) & acts)
        of_source = of_source[np.argsort(data.age[rows[of_source]], kind="stable")]
        n_replays = len(of_source) // FEWEST_ANSWERS
        for block in np.array_split(of_source, n_replays) if n_replays else []:
            yield str(source), float(right[block].mean())
