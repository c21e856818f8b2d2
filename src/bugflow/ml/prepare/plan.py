"""Cut input files into units of work, always at the same places, so that a killed run can go on where it was."""

import csv
import gzip
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from bugflow.errors import InvalidFile

UNIT_BYTES = 32 * 2**20  # of text: some ten seconds of work, which is what a kill costs at most
UNIT_ROWS = 30_000  # of Parquet
LONGEST_FIELD = 4 * 2**20
"""Characters of a CSV field. A quote that is never closed would swallow the rest of the file; so it is found early."""
SUFFIXES = (".csv", ".jsonl", ".ndjson", ".json", ".parquet", ".jsonl.gz", ".ndjson.gz", ".json.gz")

Progress = Callable[[str, int, int], None]
"""Called with the name of the stage, what is done and what there is to do."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A part of a file.

    Attributes:
        kind: `csv`, `lines`, `gzip` or `parquet`.
        start: First byte; of Parquet, first row.
        stop: Behind the last.
        first_line: The line, counted from 1, that `start` begins; of Parquet the row.
        header: Of CSV, the names of its columns.
    """

    path: str
    kind: str
    start: int
    stop: int
    first_line: int
    header: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """Name of the tracker: the file's, without what follows the first dot."""
        return Path(self.path).name.split(".")[0]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def describe_inputs(paths: list[Path], progress: Progress) -> list[dict[str, Any]]:
    """Name, size and SHA-256 of each file.

    Raises:
        InvalidFile: One is missing, cannot be read, or has a name that tells no format.
    """
    for path in paths:
        if not path.name.lower().endswith(SUFFIXES):
            raise InvalidFile(path=path, reason=f"its name must end in one of {', '.join(SUFFIXES)}. Rename it.")
        if not path.is_file():
            raise InvalidFile(path=path, reason="there is no such file. Check the name.")
    total, done, found = sum(path.stat().st_size for path in paths), 0, []
    for path in paths:
        digest = hashlib.sha256()
        try:
            with path.open("rb") as file:
                while block := file.read(2**22):
                    digest.update(block)
                    done += len(block)
                    progress("reading", done, total)
        except OSError as error:
            raise InvalidFile(path=path, reason=f"it cannot be read: {error.strerror}.") from error
        found.append({"name": path.name, "bytes": path.stat().st_size, "sha256": digest.hexdigest()})
    return found


def plan_units(paths: list[Path]) -> list[Unit]:
    """All units, in the order of the files and their rows.

    Raises:
        InvalidFile: A file is empty, or cannot be taken apart because quotes or blocks do not close.
    """
    return [unit for path in paths for unit in _planner(path)(path)]


def _planner(path: Path) -> Callable[[Path], Iterator[Unit]]:
    name = path.name.lower()
    if name.endswith(".csv"):
        return _plan_csv
    if name.endswith(".parquet"):
        return _plan_parquet
    return _plan_gzip if name.endswith(".gz") else _plan_lines


def _plan_parquet(path: Path) -> Iterator[Unit]:
    try:
        lazy = pl.scan_parquet(path)
        header = tuple(lazy.collect_schema())
        n_rows = lazy.select(pl.len()).collect().item()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InvalidFile(path=path, reason="it is no Parquet file, or a damaged one. Write it again.") from error
    for start in range(0, n_rows, UNIT_ROWS):
        yield Unit(str(path), "parquet", start, min(start + UNIT_ROWS, n_rows), start + 1, header)


def _plan_gzip(path: Path) -> Iterator[Unit]:
    try:
        with gzip.open(path) as file:
            file.read(1)
    except (OSError, EOFError) as error:
        raise InvalidFile(path=path, reason="it is no gzip file, or a damaged one. Fetch it again.") from error
    yield Unit(str(path), "gzip", 0, path.stat().st_size, 1)


def _plan_lines(path: Path) -> Iterator[Unit]:
    size, start, line = path.stat().st_size, 0, 1
    with path.open("rb") as file:
        _skip_mark(file.read(3), path)
        while start < size:
            file.seek(start)
            block = file.read(UNIT_BYTES)
            block += file.readline()
            yield Unit(str(path), "lines", start, start + len(block), line)
            start, line = start + len(block), line + block.count(b"\n")


def _skip_mark(beginning: bytes, path: Path) -> None:
    if beginning[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        raise InvalidFile(path=path, reason="line 1: it is UTF-16. Save the file in UTF-8.")


def _plan_csv(path: Path) -> Iterator[Unit]:
    """Read all of it once: only a CSV reader knows which line ends are inside a text."""
    csv.field_size_limit(LONGEST_FIELD)
    with path.open("rb") as file:
        counter = _Lines(file, path)
        reader = csv.reader(counter, strict=True)
        began = 1
        try:
            header = tuple(name.strip().removeprefix("\ufeff") for name in next(reader, []))
            if not any(header):
                raise InvalidFile(path=path, reason="line 1: it is empty. The first line must name the columns.")
            start, line = counter.n_bytes, counter.n_lines + 1
            began = line
            for _ in reader:
                if counter.n_bytes - start >= UNIT_BYTES:
                    yield Unit(str(path), "csv", start, counter.n_bytes, line, header)
                    start, line = counter.n_bytes, counter.n_lines + 1
                began = counter.n_lines + 1
        except csv.Error as error:
            reason = f"line {began}: {error}. Double each quote inside a quoted text and close every quoted text."
            raise InvalidFile(path=path, reason=reason) from error
        if counter.n_bytes > start:
            yield Unit(str(path), "csv", start, counter.n_bytes, line, header)


class _Lines:
    """The lines of a file as text, counting the bytes handed out."""

    def __init__(self, file: Any, path: Path) -> None:
        self._file, self.n_bytes, self.n_lines = file, 0, 0
        _skip_mark(file.read(3), path)
        file.seek(0)

    def __iter__(self) -> Iterator[str]:
        for line in self._file:
            self.n_bytes += len(line)
            self.n_lines += 1
            yield line.decode("utf-8", "surrogateescape")


def save_plan(path: Path, units: list[Unit]) -> None:
    path.write_text(json.dumps([unit.as_json() for unit in units]) + "\n", encoding="utf-8")


def load_plan(path: Path) -> list[Unit]:
    return [Unit(**{**unit, "header": tuple(unit["header"])}) for unit in json.loads(path.read_text(encoding="utf-8"))]
