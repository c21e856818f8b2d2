"""The files of real reports that a run measures on, and smaller ones for a trial."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from bugflow.ml.reports import read_reports


def find_trackers(folder: Path) -> list[Path]:
    """The Parquet files, one a tracker, of a data folder or of the folder `bugs` in it; none is no error."""
    inside = folder / "bugs"
    return sorted((inside if inside.is_dir() else folder).glob("*.parquet"))


def hash_trackers(trackers: Sequence[Path]) -> str:
    """SHA-256 over names and contents, in hexadecimal."""
    whole = hashlib.sha256()
    for path in trackers:
        whole.update(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()


@contextmanager
def sampled(trackers: Sequence[Path], *, limit: int | None) -> Iterator[list[Path]]:
    """Files with at most so many of the reports in all, evenly spread over each; the files themselves without a limit.

    Samples lie in a temporary folder for as long as the context is open.
    """
    if limit is None:
        yield list(trackers)
        return
    with TemporaryDirectory(prefix="bugflow-bench-") as folder:
        made = []
        for path, frame in sample_rows(trackers, limit=limit):
            made.append(Path(folder) / path.name)
            frame.write_parquet(made[-1])
        yield made


def sample_rows(trackers: Sequence[Path], *, limit: int) -> Iterator[tuple[Path, pl.DataFrame]]:
    """For each file its share of at most so many reports, evenly spread, in order."""
    sizes = [int(pl.scan_parquet(path).select(pl.len()).collect().item()) for path in trackers]
    share = min(1.0, limit / max(sum(sizes), 1))
    for path, size in zip(trackers, sizes, strict=True):
        places = np.unique(np.linspace(0, size - 1, int(size * share)).astype(np.int64))
        yield path, read_reports(path)[places]
