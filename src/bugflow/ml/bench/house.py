"""BugFlow's own contestant: a fitted model, asked the way the product asks it."""

import numpy as np

from bugflow.domain.predictions import Decision
from bugflow.ml.artifact import Artifact
from bugflow.ml.predictor import answer_all
from bugflow.ml.train.dataset import Dataset, Index
from bugflow.ml.train.linear import Fitted
from bugflow.ml.train.peers import SHOWN_PROMISE, Answers

HOUSE = "**BugFlow**"


def answer_fitted(fitted: Fitted, data: Dataset, rows: Index, *, promise: float = SHOWN_PROMISE) -> Answers:
    """What the product would answer on some rows, and where it would act, with this model behind it."""
    artifact = Artifact("bench-1", "bench", fitted.model, fitted.calibration, {}, {}, "")
    given = answer_all(artifact, data.features.rows(rows), promise=promise)
    return Answers(
        predicted=np.asarray([data.labels.index(answer.label) for answer in given], np.int64),
        probabilities=np.asarray([[answer.probabilities[label] for label in data.labels] for answer in given]),
        acted=np.asarray([answer.decision is Decision.AUTO for answer in given], bool),
    )
