"""A tracker's reports in time order with what people marked, and the candidates that a search brings for them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np
import polars as pl
from numpy.typing import NDArray

from bugflow.errors import InvalidFile
from bugflow.ml.duplicates.corpus import Corpus, read_corpus, replay
from bugflow.ml.duplicates.pairs import COLUMNS
from bugflow.ml.encoder import Encoder
from bugflow.ml.reports import read_reports
from bugflow.ml.train.dataset import Index, clusters_of
from bugflow.ml.train.readings import Verdict, Verdicts


@dataclass(frozen=True, slots=True)
class History:
    """n reports of one tracker, oldest first.

    Attributes:
        name: Of the tracker.
        corpus: The reports.
        clusters: int64 [n]; reports of one cluster say the same.
        links: For each report the positions that people named as what it repeats.
        closed: bool [n]; whether the tracker closed it as a duplicate.
        verdicts: By the positions of a report and an earlier one what somebody said who read both.
    """

    name: str
    corpus: Corpus
    clusters: Index
    links: Sequence[Sequence[int]]
    closed: NDArray[np.bool_]
    verdicts: Mapping[tuple[int, int], Verdict] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Number of reports."""
        return len(self.corpus.bugs)

    def queries(self) -> Index:
        """Reports closed as a duplicate of an earlier one."""
        rows = [row for row in range(self.n) if self.closed[row] and min(self.links[row], default=row) < row]
        return np.asarray(rows, np.int64)


def read_history(
    path: Path, encoder: Encoder, *, verdicts: Verdicts = MappingProxyType({}), progress: Callable[[str], None]
) -> History:
    """All reports of a file with columns id, created, duplicate_of and closed_as_duplicate.

    Raises:
        InvalidFile: It cannot be used, or its reports are not dated.
    """
    needed = ["id", "created", "duplicate_of", "closed_as_duplicate"]
    frame = read_reports(path, required=needed)
    if frame["created"].null_count():
        raise InvalidFile(path=path, reason="its reports must be dated to be searched in order: column created.")
    progress(f"{path.name}: {len(frame):,} reports")
    corpus = read_corpus(path, frame, encoder)
    rows = corpus.rows.with_columns(pl.col("duplicate_of").cast(pl.String).fill_null(""), source=pl.lit(path.stem))
    place_of = {key: place for place, key in enumerate(corpus.ids)}
    links = [[place_of[link] for link in cell.split(";") if link in place_of] for cell in rows["duplicate_of"]]
    closed = rows["closed_as_duplicate"].fill_null(value=False).to_numpy().astype(bool)
    said = {(place_of[a], place_of[b]): one for (a, b), one in verdicts.items() if a in place_of and b in place_of}
    return History(path.stem, corpus, clusters_of(rows), links, closed, said)


@dataclass(frozen=True, slots=True)
class Pairs:
    """The candidates of some reports, one row a pair.

    Attributes:
        values: float32 [p, len(COLUMNS)].
        same: bool [p]; whether people said, directly or by others, that the two say the same.
        queries: int64 [p], rising; the position of the report.
        candidates: int64 [p]; the position of the earlier one.
        weights: float64 [p]; how many reports of the tracker one such stands for.
        said: float64 [p]; 1 or 0 where somebody who read both said that they do or do not say the same, else NaN.
        stands_for: float64 [p]; how many pairs each of those was drawn from, else 0.
    """

    values: NDArray[np.float32]
    same: NDArray[np.bool_]
    queries: Index
    candidates: Index
    weights: NDArray[np.float64]
    said: NDArray[np.float64]
    stands_for: NDArray[np.float64]

    @staticmethod
    def stack(parts: "Sequence[Pairs]") -> "Pairs":
        """The pairs of several parts, in order."""
        return Pairs(*(np.concatenate([getattr(part, name) for part in parts]) for name in Pairs.__slots__))

    def groups(self) -> list[tuple[int, int]]:
        """Where the pairs of each report begin and end."""
        if not len(self.queries):
            return []
        bounds = np.flatnonzero(np.r_[True, self.queries[1:] != self.queries[:-1], True])
        return list(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True))


def collect_pairs(history: History, queries: Index, *, weight: NDArray[np.float64], n_dimensions: int) -> Pairs:
    """The candidates of some reports with what people said of them; `weight` is by query."""
    by_row = dict(zip(queries.tolist(), weight.tolist(), strict=True))
    rows, none = np.zeros(0, np.int64), np.zeros(0)
    parts = [Pairs(np.zeros((0, len(COLUMNS)), np.float32), none.astype(bool), rows, rows, none, none, none)]
    for row, found in replay(history.corpus, queries.tolist(), n_dimensions=n_dimensions):
        n = len(found.bug_ids)
        same = history.clusters[found.bug_ids] == history.clusters[row]
        verdicts = [history.verdicts.get((row, other)) for other in found.bug_ids.tolist()]
        said = np.asarray([np.nan if one is None else one.same for one in verdicts], np.float64)
        stands_for = np.asarray([0.0 if one is None else one.stands_for for one in verdicts])
        weights = np.full(n, by_row[row])
        parts.append(Pairs(found.pairs, same, np.full(n, row), found.bug_ids, weights, said, stands_for))
    return Pairs.stack(parts)
