"""The simple and the usual ways to predict a label, trained on the rows that BugFlow is trained on."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from bugflow.ml.bench.answers import Answers, surest
from bugflow.ml.train.dataset import Dataset, Index

Peer = Callable[[Dataset, Index, Index], Answers]
"""Trains on the rows given first and answers on those given second."""

XGBOOST_MISSING = "TF-IDF + XGBoost was left out: xgboost is not installed (pip install 'bugflow[bench]')."


def make_peers(data: Dataset, vectors: NDArray[np.float32] | None) -> tuple[dict[str, Peer], list[str]]:
    """Every peer of a task by its name, and a note for each that cannot run here.

    Args:
        data: A task that the keyword rules do not know has no such peer.
        vectors: Of all reports, [n, d], from a frozen sentence encoder; None leaves that peer out.
    """
    peers: dict[str, Peer] = {"majority": answer_majority}
    notes = []
    if (data.by_keywords >= 0).any():
        peers["keywords"] = answer_keywords
    peers["TF-IDF + LR balanced"] = answer_tfidf
    try:
        from xgboost import XGBClassifier  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        notes.append(XGBOOST_MISSING)
    else:
        peers["TF-IDF + XGBoost"] = partial(answer_boosted, XGBClassifier)
    if vectors is not None:
        peers["frozen MiniLM + LR"] = partial(answer_embedded, vectors)
    return peers, notes


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
    fitted = vectorizer.fit_transform(_texts(data, train))
    return _answer_regression(data, train, fitted, vectorizer.transform(_texts(data, test)))


def answer_embedded(vectors: NDArray[np.float32], data: Dataset, train: Index, test: Index) -> Answers:
    """Class-balanced logistic regression on the vectors [n, d] of an encoder that is not fine-tuned."""
    return _answer_regression(data, train, vectors[train], vectors[test])


def answer_boosted(classifier: Callable[..., Any], data: Dataset, train: Index, test: Index) -> Answers:
    """Mozilla's recipe (github.com/mozilla/bugbug, models/component.py): TF-IDF of title and of text, XGBoost.

    One vectorizer a field with words of at least one report in 10,000, and XGBoost's defaults. The fields of Bugzilla
    that theirs reads beside the texts do not exist here.
    """
    fitted, asked = [], []
    for field in range(2):
        vectorizer = TfidfVectorizer(min_df=0.0001, dtype=np.float32)
        fitted.append(vectorizer.fit_transform(_fields(data, train, field)))
        asked.append(vectorizer.transform(_fields(data, test, field)))
    present, truth = np.unique(data.truth[train], return_inverse=True)
    model = classifier(random_state=0)
    model.fit(hstack(fitted).tocsr(), truth, sample_weight=data.weights[train])
    probabilities = np.zeros((len(test), len(data.labels)))
    probabilities[:, present] = model.predict_proba(hstack(asked).tocsr())
    return surest(probabilities)


def _answer_regression(data: Dataset, train: Index, fitted: Any, asked: Any) -> Answers:
    model = LogisticRegression(class_weight="balanced", tol=1e-3, max_iter=300)
    model.fit(fitted, data.truth[train], data.weights[train])
    probabilities = np.zeros((asked.shape[0], len(data.labels)))
    probabilities[:, model.classes_] = model.predict_proba(asked)
    return surest(probabilities)


def _texts(data: Dataset, rows: Index) -> list[str]:
    return [data.features.texts[row] for row in rows]


def _fields(data: Dataset, rows: Index, field: int) -> list[str]:
    """Titles (0) or descriptions (1); where a whole column is empty, one word keeps the vectorizer alive."""
    return [text.partition("\n")[::2][field] or "empty" for text in _texts(data, rows)]
