"""Choose the evaluation rows that go with a model, and let the model that had not seen them score them."""

from typing import Any

import numpy as np

from bugflow.ml.calibration import Calibration
from bugflow.ml.evaluation import EvaluationRows, most_rows
from bugflow.ml.train.costs import thin
from bugflow.ml.train.dataset import Dataset, Index
from bugflow.ml.train.linear import Fitted, spread


def freeze(data: Dataset, measured: Fitted, saved: Calibration, *, test: Index) -> EvaluationRows | None:
    """At most `most_rows` of the test rows that count, evenly spread over trackers, in the order of time.

    None for a model of words alone: without vectors nobody can say what corrections did to it.

    Args:
        data: All reports.
        measured: Fitted without the test rows.
        saved: Of the model that the rows go with; says which projects are known.
        test: What it was measured on.
    """
    counted = test[thin(data.weights[test])]
    if data.encoder is None or not len(counted):
        return None
    rows = spread(counted, most=most_rows(len(data.labels), data.encoder.n_dimensions))
    rows = rows[np.argsort(np.nan_to_num(data.age[rows], nan=0.0), kind="stable")]
    features, vectors = data.features.rows(rows), data.encoder.encode(data.texts(rows))
    model = measured.model
    words = model.score_words(features)
    meaning = model.meaning.score(vectors) if model.meaning else np.zeros_like(words)
    known = {project: place for place, project in enumerate(sorted(saved.shares))}
    return EvaluationRows(
        words.astype(np.float16),
        meaning.astype(np.float16),
        vectors.astype(np.float16),
        np.asarray([known.get(project, -1) for project in features.projects], np.int16),
        data.truth[rows].astype(np.int16),
        data.encoder.name,
    )


def report_rows(rows: EvaluationRows | None, labels: tuple[str, ...]) -> dict[str, Any]:
    """How many there are, of which labels, and of how many the project is known; empty without any."""
    if rows is None:
        return {}
    counts = np.bincount(rows.truth, minlength=len(labels)).tolist()
    return {
        "n": rows.n,
        "n_by_label": dict(zip(labels, counts, strict=True)),
        "n_of_known_projects": int((rows.projects >= 0).sum()),
    }
