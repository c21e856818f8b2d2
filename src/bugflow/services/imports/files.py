"""Rows of CSV, JSONL and Parquet files, one at a time, each with the line it stands on."""

import csv
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from bugflow.errors import InvalidFile

PARQUET_ERRORS = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)
"""What polars raises for damaged files: it panics for some."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it stands in the file.

    Attributes:
        line: Line of a text file where the row begins, row number of a Parquet file; from 1.
        problem: Why the row cannot be read; then there are no values.
    """

    line: int
    values: dict[str, Any]
    problem: str | None = None


def read_columns(path: Path) -> list[str]:
    """The names of a file's columns; for JSONL those of all its objects, which need not have the same.

    Raises:
        InvalidFile: It is missing, empty, of another kind, or its beginning cannot be read.
    """
    suffix = path.suffix.lower()
    if not path.is_file():
        raise InvalidFile(path=path, reason="there is no such file.")
    if suffix == ".parquet":
        try:
            return pl.scan_parquet(path).collect_schema().names()
        except PARQUET_ERRORS as error:
            raise InvalidFile(path=path, reason="it is no Parquet file, or a damaged one.") from error
    if suffix not in {".csv", ".jsonl", ".ndjson"}:
        raise InvalidFile(path=path, reason="its name must end in .csv, .jsonl or .parquet.")
    if suffix == ".csv":
        with _open_csv(path) as (_reader, header):
            return header
    names: dict[str, None] = {}
    problem = "it holds no rows."
    for row in _read_jsonl(path):
        names |= dict.fromkeys(row.values)
        if row.problem is not None:
            problem = f"not one line of it is a JSON object; line {row.line}: {row.problem}."
    if not names:
        raise InvalidFile(path=path, reason=problem)
    return list(names)


def count_rows(path: Path) -> int:
    """How many rows there are at most (a text inside quotes may hold line ends); for a progress bar."""
    if path.suffix.lower() == ".parquet":
        try:
            return int(pl.scan_parquet(path).select(pl.len()).collect().item())
        except PARQUET_ERRORS:
            return 0  # whoever reads it will say so
    with path.open("rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a file in order; one that cannot be read is told as such and does not end the reading."""
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        yield from _read_parquet(path)
    elif suffix == ".csv":
        yield from _read_csv(path)
    else:
        yield from _read_jsonl(path)


def _read_parquet(path: Path) -> Iterator[Row]:
    line = 0
    batches = iter(pl.scan_parquet(path).collect_batches(chunk_size=1000, maintain_order=True))
    while True:
        try:
            batch = next(batches, None)
        except PARQUET_ERRORS as error:
            reason = f"it is damaged: after row {line} nothing can be read. What stands before it may be imported."
            raise InvalidFile(path=path, reason=reason) from error
        if batch is None:
            return
        for values in batch.iter_rows(named=True):
            line += 1
            yield Row(line, values)


def _read_csv(path: Path) -> Iterator[Row]:
    with _open_csv(path) as (reader, header):
        while True:
            line = reader.line_num + 1
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Row(line, {}, _csv_problem(error))
                continue
            if not fields:
                continue
            if len(fields) != len(header):
                yield Row(line, {}, f"it has {len(fields)} fields, the first line names {len(header)}")
            elif any(_has_escapes(field) for field in fields):
                yield Row(line, {}, "it is not UTF-8")
            else:
                yield Row(line, dict(zip(header, fields, strict=True)))


@contextmanager
def _open_csv(path: Path) -> Iterator[tuple[Any, list[str]]]:
    """A reader behind the first line that says something, and that line."""
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        # Strict: else a quote that is never closed swallows the rest of the file and nobody is told.
        reader = csv.reader(file, strict=True)
        try:
            header = next(filter(None, reader), None)
        except csv.Error as error:
            raise InvalidFile(path=path, reason=f"line 1: {_csv_problem(error)}.") from error
        if header is None:
            raise InvalidFile(path=path, reason="it holds no rows.")
        if any(_has_escapes(name) for name in header):
            raise InvalidFile(path=path, reason=f"line {reader.line_num}: it is not UTF-8. Save the file as UTF-8.")
        yield reader, header


def _csv_problem(error: csv.Error) -> str:
    if "unexpected end" in str(error):
        return "a quote is opened here and never closed"
    return f"its quotes are wrong ({error})"


def _has_escapes(text: str) -> bool:
    return not text.isascii() and any("\udc80" <= character <= "\udcff" for character in text)


def _read_jsonl(path: Path) -> Iterator[Row]:
    with path.open("rb") as file:
        for line, raw in enumerate(file, start=1):
            if not raw.strip():
                continue
            try:
                values = json.loads(raw)
            except (ValueError, RecursionError) as error:
                yield Row(line, {}, f"it is no JSON ({error})")
                continue
            if isinstance(values, dict):
                yield Row(line, values)
            else:
                yield Row(line, {}, "it is no JSON object")
