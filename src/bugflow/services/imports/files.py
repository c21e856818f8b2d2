"""Rows of CSV, JSONL and Parquet files, one at a time, each with the line it stands on."""

import csv
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from bugflow.errors import InvalidFile


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
    """The names of a file's columns; for JSONL those of the first object.

    Raises:
        InvalidFile: It is missing, empty, of another kind, or its beginning cannot be read.
    """
    suffix = path.suffix.lower()
    if not path.is_file():
        raise InvalidFile(path=path, reason="there is no such file.")
    if suffix == ".parquet":
        try:
            return pl.scan_parquet(path).collect_schema().names()
        except (pl.exceptions.PolarsError, OSError) as error:
            raise InvalidFile(path=path, reason="it is no Parquet file, or a damaged one.") from error
    if suffix not in {".csv", ".jsonl", ".ndjson"}:
        raise InvalidFile(path=path, reason="its name must end in .csv, .jsonl or .parquet.")
    first = next(read_rows(path), None)
    if first is None:
        raise InvalidFile(path=path, reason="it holds no rows.")
    if first.problem is not None and not first.values:
        raise InvalidFile(path=path, reason=f"line {first.line}: {first.problem}")
    return list(first.values)


def count_rows(path: Path) -> int:
    """How many rows there are at most (a text inside quotes may hold line ends); for a progress bar."""
    if path.suffix.lower() == ".parquet":
        return int(pl.scan_parquet(path).select(pl.len()).collect().item())
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
    for batch in pl.scan_parquet(path).collect_batches(chunk_size=1000, maintain_order=True):
        for values in batch.iter_rows(named=True):
            line += 1
            yield Row(line, values)


def _read_csv(path: Path) -> Iterator[Row]:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file)
        header = next(reader, None)
        if header is None:
            return
        while True:
            line = reader.line_num + 1
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Row(line, {}, f"{error}")
                continue
            if not fields:
                continue
            if len(fields) != len(header):
                yield Row(line, {}, f"it has {len(fields)} fields, the first line names {len(header)}")
            elif any(_has_escapes(field) for field in fields):
                yield Row(line, {}, "it is not UTF-8")
            else:
                yield Row(line, dict(zip(header, fields, strict=True)))


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
