"""Write the chosen rows of all units into one Parquet file a part, in the order of the input."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from bugflow.ml.prepare.plan import Progress
from bugflow.ml.prepare.select import PARTS
from bugflow.ml.prepare.unit import TEXT_SCHEMA, WRITING, to_table, unit_paths

ROW_GROUP = 20_000  # rows: some 30 MB of text, so that a reader with little memory can take one at a time


class _Part:
    """A Parquet file that is written in row groups of equal size, whatever comes in."""

    def __init__(self, path: Path) -> None:
        self.path, self.n_rows, self._waiting = path, 0, 0
        self._frames: list[pl.DataFrame] = []
        self._writer = pq.ParquetWriter(path, TEXT_SCHEMA, **WRITING)

    def add(self, rows: pl.DataFrame) -> None:
        self._frames.append(rows)
        self._waiting += len(rows)
        self.n_rows += len(rows)
        if self._waiting >= ROW_GROUP:
            whole = pl.concat(self._frames)
            n = self._waiting // ROW_GROUP * ROW_GROUP
            self._writer.write_table(to_table(whole[:n]), row_group_size=ROW_GROUP)
            self._frames, self._waiting = [whole[n:]], self._waiting - n

    def close(self) -> dict[str, Any]:
        if self._waiting:
            self._writer.write_table(to_table(pl.concat(self._frames)), row_group_size=ROW_GROUP)
        self._writer.close()
        with self.path.open("rb") as file:
            return {"rows": self.n_rows, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def write_parts(work: Path, rows: pl.DataFrame, *, n_units: int, progress: Progress) -> dict[str, dict[str, Any]]:
    """Write `work/out/{train,validation,test}.parquet`; rows and SHA-256 of each.

    Args:
        rows: `unit`, `row`, `part`, sorted by unit and row.
    """
    folder = work / "out"
    folder.mkdir()
    parts = {part: _Part(folder / f"{part}.parquet") for part in PARTS}
    chosen = rows.partition_by("unit", as_dict=True, include_key=False)
    numbers = [number for number in range(n_units) if (number,) in chosen]
    with ThreadPoolExecutor(1) as reader:  # reads the next unit while this one is written
        coming = [reader.submit(_read, work, number) for number in numbers[:1]]
        for done, number in enumerate(numbers, start=1):
            texts = coming.pop().result()
            coming = [reader.submit(_read, work, following) for following in numbers[done : done + 1]]
            for part, writer in parts.items():
                picked = chosen[(number,)].filter(pl.col("part") == part)["row"]
                if len(picked):
                    writer.add(texts[picked])
            progress("writing", done, len(numbers))
    return {f"{part}.parquet": writer.close() for part, writer in parts.items()}


def _read(work: Path, number: int) -> pl.DataFrame:
    return pl.read_parquet(unit_paths(work, number)[0], use_statistics=False)
