"""Track `neighbours`: the nearest of a million vectors, by the graph, one by one, and one by one by bounds first."""

import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from bugflow.ml.bench.bench import Bench
from bugflow.ml.bench.tables import Table
from bugflow.ml.duplicates.codes import KEPT
from bugflow.ml.duplicates.index import EXACT_UP_TO, POOL, BugIndex, IndexedBug
from bugflow.ml.duplicates.search import prose_of
from bugflow.ml.duplicates.words import ENTRY
from bugflow.ml.reports import read_reports, to_texts
from bugflow.ml.text import clean

SIZES = (100_000, 1_000_000)
NEAREST = 10
MOST_READ = 20_000  # real reports of each tracker that vectors are made from
JITTER = 0.6  # length of what is added to a real vector of length 1: made-up likes have a cosine of 0.86
BATCH = 10_000
SEED = 20_260_101

_COLUMNS = {
    "n": "vectors", "name": "", "p50_ms": "p50 ms", "p95_ms": "p95 ms", "recall": f"recall@{NEAREST} against exact",
    "build_seconds": "built in s, two threads", "memory_mb": "MB",
}  # fmt: skip
_NOTES = (
    "Vectors are those of real reports with random directions added, so that there are enough of them; queries are "
    "real ones. A search by the graph takes up a hundred candidates and compares those exactly, as the product does.",
    f"One thread a search. Up to {EXACT_UP_TO:,} bugs are compared one by one: first what each cosine is at most, then "
    "exactly those that may be among the nearest hundred.",
)


def measure_neighbours(bench: Bench) -> list[Table]:
    """All ways at both sizes; by bounds only where BugFlow does so."""
    from bugflow.ml.duplicates.neighbours import Neighbours  # noqa: PLC0415 - only this track needs it

    real = _read_vectors(bench)
    rng = np.random.default_rng(SEED)
    real = real[rng.permutation(len(real))]
    n_asked = min(bench.n_runs, len(real) // 2)
    asked, seeds = real[:n_asked], real[n_asked:]
    rows: list[dict[str, Any]] = []
    for n in SIZES if bench.limit is None else (bench.limit,):
        bench.tell(f"{n:,} vectors")
        vectors = _multiply(seeds, n, rng)
        with threadpool_limits(1):
            exact, exact_ms = _time(
                asked, lambda vector, known=vectors: np.argpartition(-(known @ vector), NEAREST)[:NEAREST]
            )
        measured: dict[str, Any] = {"recall": 1.0, "memory_mb": vectors.nbytes >> 20}
        rows.append({"n": n, "name": "one by one, float32", **_spread(exact_ms), **measured})
        if n <= EXACT_UP_TO:
            index = BugIndex(vectors.shape[1])
            index.add(IndexedBug(place, 0.0, 0, np.zeros(0, ENTRY), vector) for place, vector in enumerate(vectors))
            with threadpool_limits(1):
                found, found_ms = _time(asked, partial(_find, index))
            measured = {"recall": _recall(exact, found), "memory_mb": round((2 + KEPT) * vectors.size) >> 20}
            rows.append({"n": n, "name": "**one by one, bounds first**", **_spread(found_ms), **measured})
        graph = Neighbours(vectors.shape[1])
        started = time.perf_counter()
        for start in range(0, n, BATCH):
            end = min(start + BATCH, n)
            graph.add(np.arange(start, end), vectors[start:end], n_threads=2)
        seconds = round(time.perf_counter() - started, 1)

        def search(
            vector: NDArray[np.float32], graph: Neighbours = graph, known: NDArray[np.float32] = vectors
        ) -> NDArray[np.int64]:
            places = graph.search(vector, n=POOL)
            return places[np.argsort(-(known[places] @ vector))[:NEAREST]]

        with threadpool_limits(1):
            found, found_ms = _time(asked, search)
        measured = {"recall": _recall(exact, found), "build_seconds": seconds, "memory_mb": graph.memory_mb}
        rows.append({"n": n, "name": "**graph** (HNSW, int8)", **_spread(found_ms), **measured})
    split = f"{n_asked} real reports as queries, kept apart from those that the vectors are made from"
    return [Table("neighbours: the nearest in meaning", split, _COLUMNS, rows, _NOTES)]


def _read_vectors(bench: Bench) -> NDArray[np.float32]:
    encoder, parts = bench.encoder(), []
    with bench.trackers_for(bench.limit) as files:
        for path in files:
            parts.append(encoder.encode(_texts(path)))
            bench.tell(f"{path.name}: {len(parts[-1]):,} vectors")
    return np.concatenate(parts)


def _texts(path: Path) -> list[str]:
    frame: pl.DataFrame = read_reports(path).head(MOST_READ)
    return [prose_of(clean(text)) for text in to_texts(frame)]


def _multiply(seeds: NDArray[np.float32], n: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """N vectors of unit length to half precision, as they are kept with bugs, each near one of the seeds."""
    d = seeds.shape[1]
    made = np.empty((n, d), np.float32)
    for start in range(0, n, BATCH):
        rows = slice(start, min(start + BATCH, n))
        some = seeds[np.arange(rows.start, rows.stop) % len(seeds)]
        some = some + JITTER / np.sqrt(d) * rng.standard_normal(some.shape, np.float32)
        made[rows] = (some / np.linalg.norm(some, axis=1, keepdims=True)).astype(np.float16)
    return made


def _time(asked: NDArray[np.float32], search: Any) -> tuple[list[NDArray[np.int64]], list[float]]:
    """What is found for each vector, and the milliseconds of each."""
    found, milliseconds = [], []
    search(asked[0])
    for vector in asked:
        started = time.perf_counter()
        found.append(search(vector))
        milliseconds.append((time.perf_counter() - started) * 1000)
    return found, milliseconds


def _find(index: BugIndex, vector: NDArray[np.float32]) -> NDArray[np.int64]:
    return np.asarray([place for place, _ in index.nearest(vector, n=NEAREST)], np.int64)


def _recall(exact: list[NDArray[np.int64]], found: list[NDArray[np.int64]]) -> float:
    hits = [len(set(one.tolist()) & set(other.tolist())) / NEAREST for one, other in zip(exact, found, strict=True)]
    return round(float(np.mean(hits)), 4)


def _spread(milliseconds: list[float]) -> dict[str, float]:
    return {
        "p50_ms": round(float(np.median(milliseconds)), 2),
        "p95_ms": round(float(np.quantile(milliseconds, 0.95)), 2),
    }
