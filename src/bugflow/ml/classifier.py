"""Serve a linear model from plain arrays: weigh features, score labels, take a score apart."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, get_index_dtype

from bugflow.ml.encoder import Encoder
from bugflow.ml.features import SIGNALS, Features, Field

FIELD_SCALES = (1.0, 1.0, 0.5)  # title, description, code; measured on the slice before the test slice, see docs


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The features that a model knows.

    Attributes:
        keys: uint32 [f], rising; see `Features.keys`.
        idf: float32 [f]; 1 + ln((1 + n) / (1 + df)) over the training reports (Salton's, smoothed).
        scales: float32 [4]; length of title, description and code, and what each signal is multiplied with.
    """

    keys: NDArray[np.uint32]
    idf: NDArray[np.float32]
    scales: NDArray[np.float32] = field(default_factory=lambda: np.asarray((*FIELD_SCALES, 1.0), np.float32))

    def weigh(self, features: Features) -> csr_matrix:
        """TF-IDF of a fixed length in each field, then the signals: float32 [n, f + s]. Unknown words are left out."""
        place = np.searchsorted(self.keys, features.keys)
        place[place == len(self.keys)] = 0
        known = self.keys[place] == features.keys if len(self.keys) else np.zeros(len(place), bool)
        row = np.repeat(np.arange(features.n), np.diff(features.offsets))[known]
        column = place[known]
        value = features.counts[known] * self.idf[column]
        where = (features.keys[known] >> np.uint32(30)).astype(np.int64)
        group = row * len(Field) + where
        squares = np.bincount(group, weights=value * value, minlength=features.n * len(Field))
        value = value * (self.scales[where] / np.sqrt(squares[group]))
        n_known = np.bincount(row, minlength=features.n)
        return _append_dense(value, column, n_known, dense=features.signals * self.scales[-1], n_columns=len(self.keys))


def _append_dense(
    value: NDArray[np.float64],
    column: NDArray[np.int64],
    n_in_row: NDArray[np.int64],
    *,
    dense: NDArray[np.float32],
    n_columns: int,
) -> csr_matrix:
    """One sparse matrix out of sparse entries in row order and dense columns to their right."""
    n, width = dense.shape
    total = len(value) + dense.size
    index = get_index_dtype(maxval=max(total, n_columns + width))  # any other scipy looks through and copies
    ends = np.cumsum(n_in_row + width, dtype=index)
    sparse_at = np.arange(len(value)) + width * np.repeat(np.arange(n), n_in_row)
    dense_at = ends[:, None] - width + np.arange(width)
    data, columns = np.empty(total, np.float32), np.empty(total, index)
    data[sparse_at], columns[sparse_at] = value, column
    data[dense_at], columns[dense_at] = dense, n_columns + np.arange(width)
    return csr_matrix((data, columns, np.append(index(0), ends)), shape=(n, n_columns + width))


@dataclass(frozen=True, slots=True)
class Meaning:
    """A multinomial logistic regression over the vectors of a sentence encoder; what it says is added to the words'.

    Attributes:
        encoder: Makes the vectors.
        weights: float64 [d, k].
        intercept: float64 [k].
    """

    encoder: Encoder
    weights: NDArray[np.float64]
    intercept: NDArray[np.float64]

    def score(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """Logits, float64 [n, k], of vectors [n, d] of the encoder."""
        return np.asarray(vectors.astype(np.float64) @ self.weights + self.intercept)


@dataclass(frozen=True, slots=True)
class LinearModel:
    """A multinomial logistic regression over hashed words, pairs and signals, and one over the text's meaning.

    Words are dear to the tracker that they are learned from; to one that the model has never seen the meaning carries
    over better (team, four trackers unseen: macro-F1 .38 instead of .34). It costs ten times what the words cost.

    Attributes:
        labels: The k labels; for severity in rising order.
        vocabulary: The f known features.
        weights: float64 [f + len(SIGNALS), k]; words and pairs first, then the signals. Double precision, so that an
            explanation adds up to the score.
        intercept: float64 [k].
        meaning: None for words alone.
        familiar: Lower-case projects, of whose reports the words say enough: their meaning is not read.
        learned: What corrections added to the meaning since the model was trained; None for nothing.
        corrected: Familiar projects that some of these corrections are about: what they taught is read there too.
    """

    labels: tuple[str, ...]
    vocabulary: Vocabulary
    weights: NDArray[np.float64]
    intercept: NDArray[np.float64]
    meaning: Meaning | None = None
    familiar: frozenset[str] = frozenset()
    learned: Meaning | None = None
    corrected: frozenset[str] = frozenset()

    def score(self, features: Features) -> NDArray[np.float64]:
        """Logits, float64 [n, k], before calibration."""
        meaning, learned = self.score_meaning(features)
        return self.score_words(features) + meaning + learned

    def score_words(self, features: Features) -> NDArray[np.float64]:
        """What words, pairs, signals and the intercept say: float64 [n, k]."""
        return np.asarray(self.vocabulary.weigh(features) @ self.weights + self.intercept, np.float64)

    def score_meaning(self, features: Features) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What the meaning of the whole text adds, and what corrections taught about it.

        Both float64 [n, k], zero where they are not read.
        """
        meaning, learned = np.zeros((2, features.n, len(self.labels)))
        read = self.meaning or self.learned
        rows = [row for row, project in enumerate(features.projects) if self.reads(project)]
        if read and rows:
            vectors = read.encoder.encode([features.texts[row] for row in rows])
            if self.meaning:
                strange = np.asarray([features.projects[row] not in self.familiar for row in rows])
                meaning[rows] = np.where(strange[:, None], self.meaning.score(vectors), 0.0)
            if self.learned:
                learned[rows] = self.learned.score(vectors)
        return meaning, learned

    def reads(self, project: str) -> bool:
        """Whether the meaning of this project's reports is read at all."""
        return project not in self.familiar or (self.learned is not None and project in self.corrected)

    def contributions(self, features: Features, *, label: str) -> tuple[dict[int, float], dict[str, float]]:
        """What each known key and each signal of one report adds to a label's logit.

        Args:
            features: Of exactly one report.
            label: One of `labels`.
        """
        weighed = self.vocabulary.weigh(features)
        added = weighed.data.astype(np.float64) * self.weights[weighed.indices, self.labels.index(label)]
        n_keys = len(added) - len(SIGNALS)
        keys = self.vocabulary.keys[weighed.indices[:n_keys]]
        by_key = dict(zip(keys.tolist(), added[:n_keys].tolist(), strict=True))
        return by_key, dict(zip(SIGNALS, added[n_keys:].tolist(), strict=True))
