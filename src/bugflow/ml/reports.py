"""Read bug reports from CSV, JSONL or Parquet; what is wrong is named with file, line, column and remedy."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from bugflow.domain.predictions import BugText
from bugflow.errors import InvalidFile

SUFFIXES = (".csv", ".jsonl", ".ndjson", ".parquet")
TEXT_COLUMNS = ("title", "description", "project")


def read_reports(path: Path, *, required: Sequence[str] = ()) -> pl.DataFrame:
    """All rows of a file, in order; `title`, `description` and `project` are always there, as text without nulls.

    Args:
        path: As of `read_table`.
        required: Columns that must be there besides a title or a description.

    Raises:
        InvalidFile: It cannot be read, lacks a column, or a text column holds something else.
    """
    return _check_texts(path, read_table(path, required=required))


def read_table(path: Path, *, required: Sequence[str] = ()) -> pl.DataFrame:
    """All rows of a file, in order.

    Args:
        path: CSV and JSONL in UTF-8, or Parquet; told apart by their suffix.
        required: Columns that must be there.

    Raises:
        InvalidFile: It cannot be read, or lacks a column.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InvalidFile(path=path, reason=f"its name must end in one of {', '.join(SUFFIXES)}.")
    if not path.is_file():
        raise InvalidFile(path=path, reason="there is no such file.")
    try:
        frame = {".csv": _read_csv, ".parquet": _read_parquet}.get(suffix, _read_jsonl)(path)
    except OSError as error:
        raise InvalidFile(path=path, reason=f"it cannot be opened: {error.strerror}.") from error
    for column in required:
        if column not in frame.columns:
            has = _names(frame)
            raise InvalidFile(path=path, reason=f"the column '{column}' is missing. It has: {has}. Rename or add it.")
    return frame


def to_texts(frame: pl.DataFrame) -> list[BugText]:
    """The texts of each row of `read_reports`."""
    rows = zip(frame["title"].to_list(), frame["description"].to_list(), frame["project"].to_list(), strict=True)
    return [BugText(title, description, project or None) for title, description, project in rows]


def _read_parquet(path: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(path)
    except pl.exceptions.PolarsError as error:
        raise InvalidFile(path=path, reason="it is no Parquet file, or a damaged one. Write it again.") from error


def _read_csv(path: Path) -> pl.DataFrame:
    try:
        return pl.read_csv(path, infer_schema=False)
    except pl.exceptions.NoDataError:
        raise InvalidFile(path=path, reason="it is empty. Its first line must name the columns.") from None
    except pl.exceptions.PolarsError:
        raise InvalidFile(path=path, reason=_find_csv_fault(path)) from None


def _find_csv_fault(path: Path) -> str:
    """Polars is fast but does not name the line; the standard library does."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file, strict=True)
            width = len(next(reader, []))
            for row in reader:
                if len(row) > width:
                    return (
                        f"line {reader.line_num} has {len(row)} columns, the first line {width}. "
                        "Put texts that hold commas or line ends in double quotes."
                    )
    except UnicodeDecodeError as error:
        return f"byte {error.start} is not UTF-8. Save the file in UTF-8."
    except csv.Error as error:
        return f"line {reader.line_num}: {error}. Quotes inside a quoted text must be doubled."
    return "it is not well-formed CSV. Quotes inside a quoted text must be doubled."


def _read_jsonl(path: Path) -> pl.DataFrame:
    rows: list[dict[str, Any]] = []
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise InvalidFile(path=path, reason=f"line {number} is no JSON ({error}).") from None
            if not isinstance(row, dict):
                raise InvalidFile(path=path, reason=f"line {number} is no object. Write one {{…}} a line.")
            for column in TEXT_COLUMNS:
                if not isinstance(row.get(column), str | None):
                    kind = type(row[column]).__name__
                    reason = f"line {number}, column {column}: expected text, found {kind}. Put it in double quotes."
                    raise InvalidFile(path=path, reason=reason)
            rows.append(row)
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pl.DataFrame({name: pl.Series(name, _one_type([row.get(name) for row in rows])) for name in names})


def _one_type(values: list[Any]) -> list[Any]:
    """As they are if they are all of one plain type, else as text."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {str}:
        return [value.encode("utf-8", "replace").decode() if value is not None else None for value in values]
    if len(kinds) == 1 and kinds <= {int, float, bool}:
        return values
    return [value if value is None else json.dumps(value) if not isinstance(value, str) else value for value in values]


def _names(frame: pl.DataFrame) -> str:
    return ", ".join(frame.columns) or "none"


def _check_texts(path: Path, frame: pl.DataFrame) -> pl.DataFrame:
    if not {"title", "description"} & set(frame.columns):
        reason = f"it needs a column 'title' or 'description'. It has: {_names(frame)}. Rename one."
        raise InvalidFile(path=path, reason=reason)
    texts = []
    for column in TEXT_COLUMNS:
        series = frame[column] if column in frame.columns else pl.Series(column, [""] * len(frame), pl.String)
        if series.dtype == pl.Null:
            series = series.cast(pl.String)
        if series.dtype not in {pl.String, pl.Categorical}:
            reason = f"the column '{column}' holds {series.dtype}, not text. Convert it to text."
            raise InvalidFile(path=path, reason=reason)
        texts.append(series.cast(pl.String).fill_null("").alias(column))
    return frame.with_columns(texts)
