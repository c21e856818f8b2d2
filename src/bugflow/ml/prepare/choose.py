"""Decide over all units, from keys alone, which rows stay and in which file: no text is in memory here."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from bugflow.ml.prepare.options import Options, Split
from bugflow.ml.prepare.select import (
    LEFT_OUT,
    PARTS,
    draw_sample,
    drop_repeated,
    split_by_time,
    split_stratified,
)
from bugflow.ml.prepare.similar import N_HASHES, Index, find_near_duplicates
from bugflow.ml.prepare.unit import unit_paths

_UNDATED = 2**63 - 1  # sorts behind every date


@dataclass(frozen=True, slots=True)
class Choice:
    """What became of the rows that the units kept.

    Attributes:
        rows: `unit`, `row` (within the unit), `part`, `severity`, `team`; sorted by unit and row.
        counts: How many were left out at each step, and how many each part holds.
    """

    rows: pl.DataFrame
    counts: dict[str, int]


def choose_rows(work: Path, sources: list[str], options: Options) -> Choice:
    """Remove repetition, sample, split.

    Args:
        sources: Of each unit; their number is the number of units.
    """
    frame, signatures = _load(work, sources)
    n, counts = len(frame), {}
    order = frame.select(pl.struct(pl.col("moment").fill_null(_UNDATED), "place").arg_sort()).to_series()
    frame = frame[order].with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("order"))  # the oldest first
    every = frame.select("order", "key", "id_key", "links", "unit")
    frame = pl.DataFrame(drop_repeated(frame.drop("links", "id_key")).collect()).sort("order")
    counts["exact_duplicates"] = n - len(frame)
    leaders = _leaders_of_equals(every, frame)
    counts["near_duplicates"] = 0
    if options.near_duplicates and len(frame):
        nearest = frame["order"].to_numpy()[find_near_duplicates(signatures[frame["place"].to_numpy()])]
        own = frame["order"].to_numpy()
        counts["near_duplicates"] = int((nearest != own).sum())
        moved = np.arange(n, dtype=np.int64)
        moved[own] = nearest
        leaders = moved[leaders]
        frame = frame.filter(pl.Series(nearest == own))
    del signatures
    frame = frame.with_columns(cluster=pl.Series(_clusters(every, leaders)[frame["order"].to_numpy()], dtype=pl.Int64))
    before = len(frame)
    if options.sample is not None:
        frame = pl.DataFrame(draw_sample(frame, options.sample, sampling=options.sampling).collect())
    counts["not_drawn"] = before - len(frame)
    split = split_by_time if options.split is Split.TIME else split_stratified
    rows = pl.DataFrame(split(frame).collect()).sort("unit", "row")
    found = dict(rows["part"].value_counts().iter_rows())
    counts[LEFT_OUT] = found.get(LEFT_OUT, 0)
    counts |= {part: found.get(part, 0) for part in PARTS}
    return Choice(rows.select("unit", "row", "part", "severity", "team").filter(pl.col("part") != LEFT_OUT), counts)


def _load(work: Path, sources: list[str]) -> tuple[pl.DataFrame, np.ndarray[tuple[int, int], np.dtype[np.uint16]]]:
    """The keys of all units, and the signatures apart: as polars holds them they would take half as much again."""
    frames, signatures = [_empty()], [np.empty((0, N_HASHES), np.uint16)]
    for number, source in enumerate(sources):
        keys = pl.read_parquet(unit_paths(work, number)[1])
        if not len(keys):
            continue
        signatures.append(np.frombuffer(b"".join(keys["signature"]), np.uint16).reshape(-1, N_HASHES))
        rows = pl.int_range(pl.len(), dtype=pl.Int64)
        columns = {"unit": pl.lit(number, pl.Int32), "source": pl.lit(source), "row": rows}
        frames.append(keys.with_columns(**columns).select(_empty().columns))
    frame = pl.concat(frames, rechunk=True)
    places = pl.int_range(pl.len(), dtype=pl.Int64)
    return frame.with_columns(pl.col("source").cast(pl.String), place=places), np.concatenate(signatures)


def _empty() -> pl.DataFrame:
    texts = dict.fromkeys(("severity", "team", "source"), pl.String)
    numbers = dict.fromkeys(("key", "draw", "moment", "id_key", "row"), pl.Int64)
    return pl.DataFrame(schema={**numbers, **texts, "unit": pl.Int32, "links": pl.List(pl.Int64)})


def _leaders_of_equals(every: pl.DataFrame, kept: pl.DataFrame) -> Index:
    """Of each row by `order`, the row of the same words that stays, int64 [n]."""
    found = every.select("key").join(kept.select("key", "order"), on="key", how="left", maintain_order="left")
    return found["order"].to_numpy().astype(np.int64)


def _clusters(every: pl.DataFrame, leaders: Index) -> Index:
    """Connected parts of what people marked as duplicates, int64 [n]; equal and similar texts share their leader's."""
    links = every.select("order", "links").drop_nulls().explode("links").drop_nulls()
    named = (
        every.select("order", "id_key")
        .filter(pl.col("id_key") != 0)
        .unique("id_key", keep="first", maintain_order=True)
    )
    pairs = links.join(named, left_on="links", right_on="id_key", how="inner")
    begin = np.concatenate([pairs["order"].to_numpy(), np.arange(len(leaders))])
    end = np.concatenate([pairs["order_right"].to_numpy(), leaders])
    graph = coo_array((np.ones(len(begin), np.int8), (begin, end)), shape=(len(leaders), len(leaders)))
    return connected_components(graph, directed=False)[1].astype(np.int64) if len(leaders) else leaders
