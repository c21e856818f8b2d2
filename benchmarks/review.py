"""What the order of the review queue teaches: a model learns 50 or 150 of 500 waiting reports, answers the next 500.

Run `python benchmarks/review.py [--json FILE] [--limit N]`; needs the bug reports of BUGFLOW_BENCH_DATA. Takes some
25 minutes. The trackers are those on which the order was chosen, so its lead is a little flattered.
"""

import argparse
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bugflow.domain.predictions import Task
from bugflow.domain.review import uncertainty
from bugflow.ml.bench.bench import Bench
from bugflow.ml.bench.feedback import Replay, replays
from bugflow.ml.bench.trackers import find_trackers
from bugflow.ml.metrics import accuracy, macro_f1
from bugflow.ml.review import rank
from bugflow.ml.train.adapt import adapt
from bugflow.ml.train.corrections import Corrections
from bugflow.ml.train.dataset import Index, read_dataset
from bugflow.ml.train.recipe import default_recipe

N_WAITING, N_SCORED = 500, 500
N_WORDS = (50, 150)
N_MOMENTS = 8  # places in a tracker's history from which the waiting reports are taken
N_DRAWS = 4  # of the random order


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--json", type=Path, help="Where the figures go, for machines.")
    arguments.add_argument("--limit", type=int, help="At most so many reports, for a trial.")
    options = arguments.parse_args()
    folder = Path(os.environ.get("BUGFLOW_BENCH_DATA", "../shared/data"))
    bench = Bench(find_trackers(folder), limit=options.limit, tell=print)
    recipe = default_recipe(Task.TEAM, Task.TEAM)
    with bench.trackers_for(bench.limit) as files:
        data = read_dataset(files, recipe, encoder=bench.encoder(), progress=bench.tell)
    found: list[dict[str, Any]] = []
    for source, replay in replays(data, recipe):
        last = len(replay.rows) - N_WAITING - N_SCORED
        for start in np.unique(np.linspace(0, last, N_MOMENTS).astype(int)) if last >= 0 else []:
            found += [{"source": source, "start": int(start), **one} for one in measure(replay, int(start))]
        print(source)
    rows = summarise(found)
    for row in rows:
        print(row)
    if options.json:
        options.json.write_text(json.dumps({"rows": rows, "facts": data.facts["files"]}, indent=1) + "\n")


def measure(replay: Replay, start: int) -> Iterator[dict[str, Any]]:
    """Accuracy and macro-F1 after some words, for each order of asking and each draw of it."""
    waiting = replay.rows[start : start + N_WAITING]
    scored = replay.rows[start + N_WAITING : start + N_WAITING + N_SCORED]
    yield {"n": 0, "order": "nothing learned", **_score(replay, replay.base, scored)}
    for n in N_WORDS:
        for name, orders in _orders(replay, waiting, n=n).items():
            for order in orders:
                known = waiting[np.sort(order)]
                labels = [replay.data.labels[place] for place in replay.data.truth[known]]
                corrections = Corrections(replay.data.features.rows(known), labels, np.ones(n))
                adapted = adapt(replay.base, corrections, name="adapted-1", encoder=replay.encoder)
                yield {"n": n, "order": name, **_score(replay, adapted.artifact, scored)}


def _orders(replay: Replay, waiting: Index, *, n: int) -> dict[str, list[NDArray[np.int64]]]:
    """Positions of the n waiting reports that are asked about, by the name of the order."""
    features = replay.data.features.rows(waiting)
    probabilities, _ = replay.base.calibration.answer(replay.base.model.score(features), features.projects)
    named = [dict(zip(replay.data.labels, row, strict=True)) for row in probabilities.tolist()]
    doubts = np.asarray([uncertainty(one) for one in named], np.float32)
    vectors = replay.encoder.encode(replay.data.texts(waiting))
    queue = rank(vectors, doubts, covered=np.zeros(len(waiting), np.float32), n=n)
    return {
        "newest": [np.arange(N_WAITING - n, N_WAITING)],
        "random": [np.random.default_rng(seed).permutation(N_WAITING)[:n] for seed in range(N_DRAWS)],
        "least sure": [np.argsort(-doubts, kind="stable")[:n]],
        "queue": [np.asarray(queue, np.int64)],
    }


def _score(replay: Replay, artifact: Any, rows: Index) -> dict[str, float]:
    features, truth = replay.data.features.rows(rows), replay.data.truth[rows]
    _, answers = artifact.calibration.answer(artifact.model.score(features), features.projects)
    n_labels = len(replay.data.labels)
    return {"accuracy": accuracy(truth, answers), "macro_f1": macro_f1(truth, answers, n_labels=n_labels)}


def summarise(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Means over draws, then moments, then trackers."""
    rows = []
    for n, order in dict.fromkeys((one["n"], one["order"]) for one in found):
        own = [one for one in found if (one["n"], one["order"]) == (n, order)]
        by_source = {
            source: np.mean([[one["accuracy"], one["macro_f1"]] for one in own if one["source"] == source], axis=0)
            for source in dict.fromkeys(one["source"] for one in own)
        }
        means = np.mean(list(by_source.values()), axis=0)
        accuracies = {source: round(float(one[0]), 4) for source, one in by_source.items()}
        row = {"n": n, "order": order, "accuracy": round(float(means[0]), 4), "macro_f1": round(float(means[1]), 4)}
        rows.append({**row, "by_tracker": accuracies})
    return rows


if __name__ == "__main__":
    main()
