"""One unit of work: read, filter, clean, label, fingerprint and write; a finished unit is never done again."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from bugflow.domain.predictions import Severity, Task
from bugflow.errors import InvalidFile
from bugflow.ml.prepare.options import Options
from bugflow.ml.prepare.plan import Unit
from bugflow.ml.prepare.read import ALIASES, Findings, read_unit
from bugflow.ml.prepare.words import annotate

TEXT_COLUMNS = (
    "description", "project", "severity", "team", "title", "text",
    "id", "source", "created", "duplicate_of", "severity_strength", "team_strength",
)  # fmt: skip
"""What the written files hold, all of it text."""
KEY_COLUMNS = ("key", "draw", "signature", "severity", "team", "moment", "id_key", "links")
TEXT_SCHEMA = pa.schema([pa.field(name, pa.string()) for name in TEXT_COLUMNS])
REPEATING = ["project", "severity", "team", "source", "severity_strength", "team_strength"]
WRITING: dict[str, Any] = {"compression": "zstd", "compression_level": 1, "use_dictionary": REPEATING}


def unit_paths(work: Path, number: int) -> tuple[Path, Path, Path]:
    """Texts, keys and facts of a unit; the facts are written last, so where they are, all is."""
    stem = f"unit-{number:06d}"
    return work / f"{stem}.texts.parquet", work / f"{stem}.keys.parquet", work / f"{stem}.json"


def run_unit(unit: Unit, number: int, options: Options, work: Path) -> dict[str, Any]:
    """Do a unit and return its facts: counts, and the rejected rows.

    Returns:
        Or `{"error": {path, reason}}` where the file cannot be used: errors of ours do not cross processes.
    """
    texts_path, keys_path, facts_path = unit_paths(work, number)
    findings, counts = Findings(), {"not_bugs": 0, "unlabelled": 0, "too_short": 0, "undated": 0, "kept": 0}
    keys: list[pl.DataFrame] = []
    temporary = texts_path.with_suffix(f".{os.getpid()}")
    try:
        with pq.ParquetWriter(temporary, TEXT_SCHEMA, **WRITING) as writer:
            for batch in read_unit(unit, wanted=_wanted(options), findings=findings):
                rows = _make_rows(batch, unit, options, findings, counts)
                if len(rows):
                    writer.write_table(to_table(rows.select(TEXT_COLUMNS)))
                    keys.append(rows.select(KEY_COLUMNS))
    except InvalidFile as error:
        temporary.unlink(missing_ok=True)
        return {"error": error.facts | {"path": str(error.facts["path"])}}
    temporary.replace(texts_path)
    frame = pl.concat(keys) if keys else pl.DataFrame(schema=dict.fromkeys(KEY_COLUMNS, pl.String))
    temporary = keys_path.with_suffix(f".{os.getpid()}")
    frame.write_parquet(temporary, compression="zstd", compression_level=1)
    temporary.replace(keys_path)
    rejected = [{"file": Path(unit.path).name, **row} for row in findings.rejected]
    read = {"read": findings.n_read, "other_events": findings.n_other_events, "rejected": len(rejected)}
    facts = {"counts": read | counts, "rejected": rejected}
    temporary = facts_path.with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps(facts, ensure_ascii=False) + "\n", encoding="utf-8")
    temporary.replace(facts_path)
    return facts


def to_table(rows: pl.DataFrame) -> pa.Table:
    return rows.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(TEXT_SCHEMA)


def _wanted(options: Options) -> dict[str, tuple[str, ...]]:
    labels = {task: (column,) for task, column in options.label_columns.items()}
    strengths = {f"{task}_strength": (f"{column}_strength",) for task, column in options.label_columns.items()}
    return ALIASES | labels | strengths


def _make_rows(
    batch: pl.DataFrame, unit: Unit, options: Options, findings: Findings, counts: dict[str, int]
) -> pl.DataFrame:
    source = unit.source
    batch = _check_severities(batch, findings) if Task.SEVERITY in options.label_columns else batch
    bugs = batch.filter(pl.col("issue_type").str.strip_chars().str.to_lowercase().is_in(["", "bug"]))
    counts["not_bugs"] += len(batch) - len(bugs)
    if not options.by_keywords:
        labels = pl.col(*options.label_columns).str.strip_chars()
        named = bugs.with_columns(labels).filter(pl.any_horizontal(labels != ""))
        counts["unlabelled"] += len(bugs) - len(named)
        bugs = named
    rows = annotate(bugs, by_keywords=options.by_keywords, seed=options.seed)
    long_enough = rows.filter("long_enough")
    counts["too_short"] += len(rows) - len(long_enough)
    missing = {name: pl.lit(None, pl.String) for name in TEXT_COLUMNS if name not in rows.columns and name != "source"}
    made = long_enough.with_columns(**missing, source=pl.lit(source), moment=_moment())
    made = made.with_columns(
        pl.col("severity", "team").replace("", None),
        created=pl.from_epoch("moment", time_unit="us").dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        id_key=_hashes([f"{source}\n{key}" if key else "" for key in made["id"]]),
        links=_links(source, made["duplicate_of"]),
    )
    counts["undated"] += made["moment"].null_count()
    counts["kept"] += len(made)
    return made


def _check_severities(batch: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    batch = batch.with_columns(pl.col("severity").str.strip_chars().str.to_lowercase())
    known = pl.col("severity").is_in(["", *Severity])
    for row in batch.filter(~known).iter_rows(named=True):
        reason = f"'{row['severity'][:40]}' is no severity. Write {', '.join(Severity)}, or nothing."
        findings.reject(row["line"], reason, "severity")
    return batch.filter(known)


def _moment() -> pl.Expr:
    """Microseconds since 1970, UTC, of ISO 8601 and its common variants; null where it is none of them."""
    text = pl.col("created").str.strip_chars().str.replace_all("/", "-", literal=True)
    text = text.str.replace(r"^(\d{4}-\d\d-\d\d)[ T]?", "${1}T").str.replace_all(" ", "", literal=True)
    text = text.str.replace("T$", "T00:00:00").str.replace("(?:UTC|GMT|Z)$", "+00:00")
    text = text.str.replace(r"([+-]\d\d)(\d\d)$", "${1}:${2}").str.replace(r"(T\d\d:\d\d)($|[+-])", "${1}:00${2}")
    text = pl.when(text.str.contains(r"[+-]\d\d:\d\d$")).then(text).otherwise(text + "+00:00")
    return text.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%:z", time_unit="us", strict=False).dt.epoch("us")


def _hashes(names: list[str]) -> pl.Series:
    """0 for an empty name."""
    made = (
        int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little", signed=True) if name else 0
        for name in names
    )
    return pl.Series("id_key", list(made), pl.Int64)


def _links(source: str, column: pl.Series) -> pl.Series:
    """The ids that a row names as its duplicates (`;`-joined), hashed like ids."""
    made = [
        _hashes([f"{source}\n{part.strip()}" for part in value.split(";") if part.strip()]).to_list() if value else None
        for value in column
    ]
    return pl.Series("links", made, pl.List(pl.Int64))
