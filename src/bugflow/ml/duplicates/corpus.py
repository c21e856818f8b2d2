"""A file of reports in the order in which they came, each searched for among those before it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from bugflow.errors import InvalidFile
from bugflow.ml.duplicates.index import BugIndex, Found, IndexedBug
from bugflow.ml.duplicates.search import SECONDS_A_DAY, hash_project, prose_of
from bugflow.ml.duplicates.words import read_words
from bugflow.ml.encoder import Encoder
from bugflow.ml.reports import to_texts
from bugflow.ml.text import clean

BATCH = 2_000  # reports cleaned and encoded at a time


@dataclass(frozen=True, slots=True)
class Corpus:
    """n reports, oldest first.

    Attributes:
        ids: [n]; as the file names them.
        bugs: [n]; `bug_id` is the position.
        rows: The file's columns, in this order.
    """

    ids: Sequence[str]
    bugs: Sequence[IndexedBug]
    rows: pl.DataFrame


def sort_by_time(path: Path, frame: pl.DataFrame) -> pl.DataFrame:
    """The rows, oldest first, with a column `moment` in seconds; in the file's order where it has no dates.

    Raises:
        InvalidFile: Some rows have a date and others none, or one is no date.
    """
    if "created" not in frame.columns or frame["created"].null_count() == len(frame):
        return frame.with_columns(moment=pl.int_range(pl.len()).cast(pl.Float64))
    created = frame["created"]
    if created.dtype == pl.String:
        created = created.str.to_datetime(time_zone="UTC", strict=False, ambiguous="earliest")
    elif created.dtype == pl.Date:
        created = created.cast(pl.Datetime("us"))
    if not isinstance(created.dtype, pl.Datetime) or created.null_count():
        row = next((n for n, empty in enumerate(created.is_null().to_list(), start=1) if empty), 1)
        raise InvalidFile(
            path=path, reason=f"row {row}, column created: no date and time. Write them like 2026-01-31T12:00:00Z."
        )
    return frame.with_columns(moment=created.dt.epoch("us") / 1e6).sort("moment", maintain_order=True)


def read_corpus(path: Path, frame: pl.DataFrame, encoder: Encoder) -> Corpus:
    """The reports of `read_reports`, with their words and vectors.

    Raises:
        InvalidFile: An id or a date is missing, or an id stands twice.
    """
    rows = sort_by_time(path, frame.with_columns(pl.col("id").cast(pl.String)))
    ids = rows["id"].to_list()
    if None in ids or len(set(ids)) < len(ids):
        raise InvalidFile(path=path, reason="column id: every report needs one, and one of its own.")
    bugs: list[IndexedBug] = []
    for part in rows.iter_slices(BATCH):
        cleaned = [clean(text) for text in to_texts(part)]
        vectors = encoder.encode([prose_of(text) for text in cleaned])
        moments = part["moment"].to_list()
        for text, moment, vector in zip(cleaned, moments, vectors, strict=True):
            day = moment / SECONDS_A_DAY
            bugs.append(IndexedBug(len(bugs), day, hash_project(text.project), read_words(text), vector))
    return Corpus(ids, bugs, rows)


def replay(corpus: Corpus, queries: Iterable[int], *, n_dimensions: int) -> Iterator[tuple[int, Found]]:
    """Search for each of some reports, oldest first, among those filed before it and no others."""
    index = BugIndex(n_dimensions)
    days = np.asarray([bug.day for bug in corpus.bugs])
    known = 0
    for row in sorted(queries):
        earlier = int(np.searchsorted(days, days[row], side="left"))
        index.add(corpus.bugs[known:earlier])
        known = earlier
        yield row, index.search(corpus.bugs[row].as_query())
