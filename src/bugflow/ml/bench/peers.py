"""The usual ways beside the simple ones to predict a label, trained on the rows that BugFlow is trained on."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from scipy.sparse import hstack
from sklearn.feature_extraction.text import TfidfVectorizer

from bugflow.ml.encoder import Encoder
from bugflow.ml.train.dataset import Dataset, Index
from bugflow.ml.train.peers import (
    Answers,
    Peer,
    answer_keywords,
    answer_majority,
    answer_regression,
    answer_tfidf,
    surest,
)

XGBOOST_MISSING = "TF-IDF + XGBoost was left out: xgboost is not installed (pip install 'bugflow[bench]')."


def make_peers(data: Dataset, encoder: Encoder) -> tuple[dict[str, Peer], list[str]]:
    """Every peer of a task by its name, and a note for each that cannot run here.

    Args:
        data: A task that the keyword rules do not know has no such peer.
        encoder: Of the frozen one.
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
    peers["frozen MiniLM + LR"] = partial(answer_embedded, encoder)
    return peers, notes


def answer_embedded(encoder: Encoder, data: Dataset, train: Index, test: Index) -> Answers:
    """Class-balanced logistic regression on the vectors of an encoder that is not fine-tuned."""
    vectors = [encoder.encode(data.texts(rows)) for rows in (train, test)]
    return answer_regression(data, train, *vectors)


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


def _fields(data: Dataset, rows: Index, field: int) -> list[str]:
    """Titles (0) or descriptions (1); where a whole column is empty, one word keeps the vectorizer alive."""
    return [text.partition("\n")[::2][field] or "empty" for text in data.texts(rows)]
