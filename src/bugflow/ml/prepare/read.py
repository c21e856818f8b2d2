"""Read a unit of any format into the same columns; a row that cannot be used is named, never dropped in silence."""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from bugflow.errors import InvalidFile
from bugflow.ml.prepare.plan import LONGEST_FIELD, Unit

BATCH = 2_000  # rows in memory at a time
ALIASES: dict[str, tuple[str, ...]] = {
    "id": ("id", "issue_url"),
    "title": ("title", "issue_title", "summary"),
    "description": ("description", "body", "issue_body", "text"),
    "project": ("project", "repo", "repository", "product"),
    "created": ("created", "created_at"),
    "issue_type": ("issue_type",),
    "duplicate_of": ("duplicate_of",),
}
"""What a column may be called; the first name that is there counts."""

Row = dict[str, Any]


@dataclass(slots=True)
class Findings:
    """What was met while reading.

    Attributes:
        n_read: Rows and events, blank lines left out.
        n_other_events: Events that do not open an issue, and pull requests.
        rejected: For each unusable row its line, its column if one is to blame, and the reason.
    """

    n_read: int = 0
    n_other_events: int = 0
    rejected: list[Row] = field(default_factory=list)

    def reject(self, line: int, reason: str, column: str | None = None) -> None:
        self.rejected.append({"line": line, "column": column, "reason": reason})


def read_unit(unit: Unit, *, wanted: dict[str, tuple[str, ...]], findings: Findings) -> Iterator[pl.DataFrame]:
    """Batches with `line` and the columns of `wanted`, all text, empty where the row says nothing.

    Args:
        wanted: Column to the names that it may have in the file; a name beyond `ALIASES` must be there.
        findings: Filled while the batches are taken.

    Raises:
        InvalidFile: A column is missing, or the file cannot be read on.
    """
    if unit.kind == "parquet":
        yield from _read_parquet(unit, wanted, findings)
        return
    rows = _read_csv(unit, wanted, findings) if unit.kind == "csv" else _read_lines(unit, wanted, findings)
    schema = dict.fromkeys(["line", *wanted], pl.String) | {"line": pl.Int64}
    batch: list[Row] = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            yield pl.DataFrame(batch, schema=schema)
            batch = []
    if batch:
        yield pl.DataFrame(batch, schema=schema)


def _places(unit: Unit, wanted: dict[str, tuple[str, ...]]) -> dict[str, int]:
    """Where each wanted column stands in the header."""
    has = ", ".join(unit.header)
    places = {}
    for column, names in wanted.items():
        found = next((unit.header.index(name) for name in names if name in unit.header), None)
        if found is not None:
            places[column] = found
        elif column not in ALIASES and not column.endswith("_strength"):
            reason = f"line 1: the column '{names[0]}' is missing. It has: {has}. Rename or add it."
            raise InvalidFile(path=unit.path, reason=reason)
    if not {"title", "description"} & set(places):
        reason = f"line 1: it needs a column 'title' or 'description'. It has: {has}. Rename one."
        raise InvalidFile(path=unit.path, reason=reason)
    return places


def _read_parquet(unit: Unit, wanted: dict[str, tuple[str, ...]], findings: Findings) -> Iterator[pl.DataFrame]:
    places = _places(unit, wanted)
    lazy = pl.scan_parquet(unit.path)
    schema = lazy.collect_schema()
    for column in ("title", "description"):
        if column in places and schema[unit.header[places[column]]] not in {pl.String, pl.Categorical, pl.Null}:
            reason = f"column '{column}' holds {schema[unit.header[places[column]]]}, not text. Convert it to text."
            raise InvalidFile(path=unit.path, reason=reason)
    columns = [
        (pl.col(unit.header[places[column]]) if column in places else pl.lit(""))
        .cast(pl.String)
        .fill_null("")
        .alias(column)
        for column in wanted
    ]
    try:
        frame = lazy.slice(unit.start, unit.stop - unit.start).select(columns).collect()
    except pl.exceptions.PolarsError as error:
        reason = f"rows {unit.first_line} to {unit.stop} cannot be read: {error}. Write the file again."
        raise InvalidFile(path=unit.path, reason=reason) from error
    findings.n_read += len(frame)
    lines = pl.int_range(unit.first_line, unit.first_line + len(frame), dtype=pl.Int64, eager=True).alias("line")
    yield from frame.insert_column(0, lines).iter_slices(BATCH)


def _read_csv(unit: Unit, wanted: dict[str, tuple[str, ...]], findings: Findings) -> Iterator[Row]:
    places = list(_places(unit, wanted).items())
    csv.field_size_limit(LONGEST_FIELD)
    with Path(unit.path).open("rb") as file:
        file.seek(unit.start)
        text = file.read(unit.stop - unit.start).decode("utf-8", "surrogateescape")
    reader = csv.reader(io.StringIO(text, newline="\n"), strict=True)
    line = unit.first_line
    for cells in reader:
        here, line = line, unit.first_line + reader.line_num
        if not cells:
            continue
        findings.n_read += 1
        if len(cells) != len(unit.header):
            reason = f"{len(cells)} columns, but the first line has {len(unit.header)}."
            findings.reject(here, f"{reason} Put texts that hold commas or line ends in double quotes.")
            continue
        row: Row = {"line": here}
        for column, place in places:
            row[column] = cells[place]
        if _readable(row, findings):
            yield dict.fromkeys(wanted, "") | row


def _readable(row: Row, findings: Findings) -> bool:
    """Whether all of it was UTF-8: what was not came through as lone surrogates."""
    for column, value in row.items():
        if isinstance(value, str) and not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                findings.reject(row["line"], "it is not UTF-8. Save the file in UTF-8.", column)
                return False
    return True


def _read_lines(unit: Unit, wanted: dict[str, tuple[str, ...]], findings: Findings) -> Iterator[Row]:
    for number, line in enumerate(_lines(unit), start=unit.first_line):
        bare = line.strip()
        if not bare:
            continue
        findings.n_read += 1
        if number == 1:
            bare = bare.removeprefix(b"\xef\xbb\xbf")
        if (
            bare.startswith(b'{"id":"')
            and b'"IssuesEvent"' not in bare
            and b'"payload":{' in bare
            and bare[-1:] == b"}"
        ):
            findings.n_other_events += 1  # most of an archive: not worth parsing
            continue
        try:
            record = json.loads(bare)
        except (ValueError, RecursionError) as error:
            findings.reject(number, f"it is no JSON ({error}). Write one object a line.")
            continue
        if not isinstance(record, dict):
            findings.reject(number, "it is no object. Write one {…} a line.")
            continue
        if isinstance(record.get("payload"), dict | str) and isinstance(record.get("type"), str):
            row = _from_event(record, number, findings)
        else:
            row = _from_object(record, number, wanted, findings)
        if row is not None:
            yield dict.fromkeys(wanted, "") | row


def _is_other_event(line: bytes) -> bool:
    """Most of a GitHub archive, told apart without the cost of parsing. A line that was cut off is none."""
    return (
        line.startswith(b'{"id":"')
        and line.endswith(b"}")
        and b'"IssuesEvent"' not in line
        and b'"type":"' in line[:80]
        and b'"payload":{' in line
    )


def _lines(unit: Unit) -> Iterable[bytes]:
    if unit.kind == "lines":
        with Path(unit.path).open("rb") as file:
            file.seek(unit.start)
            yield from io.BytesIO(file.read(unit.stop - unit.start))
        return
    number = 0
    try:
        with gzip.open(unit.path) as stream:
            for number, line in enumerate(stream, start=1):  # noqa: B007 - the error names it
                yield line
    except (OSError, EOFError, zlib.error) as error:
        reason = f"line {number + 1}: the compressed data is damaged or cut off. Fetch the file again."
        raise InvalidFile(path=unit.path, reason=reason) from error


def _from_event(record: Row, line: int, findings: Findings) -> Row | None:
    """The issue of a GitHub archive's `opened` event."""
    payload = record["payload"]
    if record["type"] != "IssuesEvent" or not isinstance(payload, dict) or payload.get("action") != "opened":
        findings.n_other_events += 1
        return None
    issue = payload.get("issue")
    if not isinstance(issue, dict):
        findings.reject(
            line, "the event holds no issue (archives before 2015 do not). Use later ones.", "payload.issue"
        )
        return None
    if "pull_request" in issue:
        findings.n_other_events += 1
        return None
    repository = record.get("repo") or record.get("repository") or {}
    name = repository.get("name") if isinstance(repository, dict) else None
    number = issue.get("number", issue.get("id"))
    row = {
        "id": f"{name}#{number}",
        "title": issue.get("title"),
        "description": issue.get("body"),
        "project": name,
        "created": record.get("created_at") or issue.get("created_at"),
    }
    return _checked(row, line, findings)


def _from_object(record: Row, line: int, wanted: dict[str, tuple[str, ...]], findings: Findings) -> Row | None:
    row = {}
    for column, names in wanted.items():
        name = next((name for name in names if name in record), None)
        if name is not None:
            row[column] = record[name]
    if not {"title", "description"} & set(row):
        findings.reject(line, f"it has neither title nor description, but: {', '.join(record)[:200] or 'nothing'}.")
        return None
    return _checked(row, line, findings)


def _checked(row: Row, line: int, findings: Findings) -> Row | None:
    """The row as text."""
    made: Row = {"line": line}
    for column, value in row.items():
        if value is None:
            continue
        if isinstance(value, str):
            made[column] = value if value.isascii() else value.encode("utf-8", "replace").decode()
        elif column in {"title", "description"} or isinstance(value, dict | list):
            reason = f"expected text, found {type(value).__name__}. Put it in double quotes."
            findings.reject(line, reason, column)
            return None
        else:
            made[column] = str(value)
    return made
