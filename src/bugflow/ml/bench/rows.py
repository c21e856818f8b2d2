"""Millions of reports that are none: titles and lines of real ones, drawn at random and put together again."""

import csv
import gzip
import itertools
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

REPEATED = 0.05  # of the rows are an earlier row, and as many are one with a word changed
COLUMNS = ("id", "title", "description", "project", "created")
SEED = 20_260_101

Row = tuple[str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Pieces:
    """What rows are made of: titles, lines of descriptions, and how many lines the real descriptions have."""

    titles: Sequence[str]
    lines: Sequence[str]
    lengths: Sequence[int]


def read_pieces(trackers: Sequence[Path]) -> Pieces:
    """The pieces of all reports of these files."""
    texts = pl.concat([pl.read_parquet(path, columns=["title", "description"]) for path in trackers]).fill_null("")
    lines = texts["description"].str.split("\n")
    return Pieces(texts["title"].to_list(), lines.explode().drop_nulls().to_list(), lines.list.len().to_list())


def generate(folder: Path, n: int, pieces: Pieces) -> list[Path]:
    """Files of every format with n rows in all; the same n and pieces give the same rows."""
    folder.mkdir()
    rows = make_rows(n, pieces)
    for name, write, share in FORMATS:
        write(folder / name, itertools.islice(rows, round(n * share)))
    return [folder / name for name, _, _ in FORMATS]


def make_rows(n: int, pieces: Pieces) -> Iterator[Row]:
    """N rows, one in ten of which repeats or nearly repeats another."""
    titles, lines, lengths = pieces.titles, pieces.lines, pieces.lengths
    draw = random.Random(SEED)  # noqa: S311 - no secret
    recent: list[tuple[str, str]] = [("The first report has a title", "and says what happened after the click")]
    for number in range(n):
        chance = draw.random()
        if chance < 2 * REPEATED:
            title, text = recent[int(draw.random() * len(recent))]
            if chance < REPEATED:
                text += f" {draw.choice(titles)[:12]}"
        else:
            title = titles[int(draw.random() * len(titles))]
            n_lines = lengths[int(draw.random() * len(lengths))]
            text = "\n".join([lines[int(draw.random() * len(lines))] for _ in range(n_lines)])
            if chance > 0.99:
                recent = [*recent[-999:], (title, text)]
        created = f"{2011 + number * 14 // n}-{number % 12 + 1:02}-{number % 28 + 1:02}T{number % 24:02}:00:00Z"
        yield str(number), title, text, f"project-{number % 997}", created


def write_csv(path: Path, rows: Iterator[Row]) -> None:
    """With a header."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(rows)


def _write_jsonl(path: Path, rows: Iterator[Row]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(dict(zip(COLUMNS, row, strict=True)), ensure_ascii=False) + "\n" for row in rows)


def _write_parquet(path: Path, rows: Iterator[Row]) -> None:
    schema = pa.schema([(name, pa.string()) for name in COLUMNS])
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        while some := list(itertools.islice(rows, 20_000)):
            columns = [pa.array(column, pa.string()) for column in zip(*some, strict=True)]
            writer.write_table(pa.table(columns, schema=schema))


def _write_archive(path: Path, rows: Iterator[Row]) -> None:
    """As GitHub's archive: one event a line, and for each opened issue another event that is none."""
    with gzip.open(path, "wt", compresslevel=1, encoding="utf-8") as file:
        for key, title, text, project, created in rows:
            about = {"actor": {"id": 1}, "repo": {"id": 1, "name": project}}
            issue = {"number": int(key), "title": title, "body": text, "state": "open"}
            opened = {"id": key, "type": "IssuesEvent", **about, "payload": {"action": "opened", "issue": issue}}
            pushed = {"id": key, "type": "PushEvent", **about, "payload": {"size": 1}}
            for event in (opened, pushed):
                file.write(json.dumps(event | {"created_at": created}, separators=(",", ":")) + "\n")


FORMATS: tuple[tuple[str, Callable[[Path, Iterator[Row]], None], float], ...] = (
    ("reports.csv", write_csv, 0.4),
    ("reports.jsonl", _write_jsonl, 0.3),
    ("reports.parquet", _write_parquet, 0.2),
    *((f"archive-{hour}.json.gz", _write_archive, 0.02) for hour in range(5)),
)
"""File, its format and its share of the rows."""
