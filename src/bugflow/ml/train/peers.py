"""The simple ways to predict a label, trained on the rows that BugFlow is trained on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from bugflow.ml.train.dataset import Dataset, Index

SHOWN_PROMISE = 0.90  # the product's default


@dataclass(frozen=True, slots=True)
class Answers:
    """Of one contestant on n rows.

    Attributes:
        predicted: int64 [n], positions of the labels.
        probabilities: float64 [n, k]; None where a contestant has none.
        acted: bool [n]; where it would act under a promise of `SHOWN_PROMISE`. None where it cannot say.
    """

    predicted: Index
    probabilities: NDArray[np.float64] | None = None
    acted: NDArray[np.bool_] | None = None


Peer = Callable[[Dataset, Index, Index], Answers]
"""Trains on the rows given first and answers on those given second."""


def surest(probabilities: NDArray[np.float64], *, promise: float = SHOWN_PROMISE) -> Answers:
    """The likeliest label of each row; acts where its probability is as high as the promise, as people usually do."""
    predicted = probabilities.argmax(axis=1).astype(np.int64)
    return Answers(predicted, probabilities, probabilities.max(axis=1) >= promise)


def answer_majority(data: Dataset, train: Index, test: Index) -> Answers:
    """The commonest label of the training rows."""
    commonest = int(np.bincount(data.truth[train], weights=data.weights[train]).argmax())
    return Answers(np.full(len(test), commonest, np.int64))


def answer_keywords(data: Dataset, train: Index, test: Index) -> Answers:  # noqa: ARG001 - rules learn nothing
    """The keyword rules of the requirements document; an answer that is no label of the data counts as the first."""
    return Answers(np.maximum(data.by_keywords[test], 0))


def answer_tfidf(data: Dataset, train: Index, test: Index) -> Answers:
    """TF-IDF of words and pairs with class-balanced logistic regression, scikit-learn's defaults elsewhere."""
    vectorizer = TfidfVectorizer(
        ngram_range=(1, 2), min_df=1 if len(train) < 2_000 else 3, sublinear_tf=True, dtype=np.float32
    )
    fitted = vectorizer.fit_transform(data.texts(train))
    return answer_regression(data, train, fitted, vectorizer.transform(data.texts(test)))


def answer_regression(data: Dataset, train: Index, fitted: Any, asked: Any) -> Answers:
    """Class-balanced logistic regression on the columns of the training rows [n, d] and of those asked [m, d]."""
    model = LogisticRegression(class_weight="balanced", tol=1e-3, max_iter=300)
    model.fit(fitted, data.truth[train], data.weights[train])
    probabilities = np.zeros((asked.shape[0], len(data.labels)))
    probabilities[:, model.classes_] = model.predict_proba(asked)
    return surest(probabilities)
