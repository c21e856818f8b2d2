"""From files of labelled reports to training rows: filtered, without repetition, in time order, split honestly."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from bugflow.domain.predictions import Severity, Task
from bugflow.errors import InvalidFile, TooFewSamples
from bugflow.ml.encoder import Encoder
from bugflow.ml.features import Features, extract
from bugflow.ml.reports import read_reports, to_texts
from bugflow.ml.text import clean
from bugflow.ml.train.recipe import Recipe
from bugflow.ml.weak_labels import label_by_keywords

FEWEST_PER_LABEL = 5  # a label needs one report in each of five folds
BATCH = 2_000  # reports cleaned at a time: bounds the memory that their words take

Index = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Dataset:
    """n labelled reports, features instead of texts.

    Attributes:
        labels: The k labels, in the task's order.
        features: Of the n reports.
        truth: int64 [n], positions in `labels`.
        weights: float64 [n], what each row counts as evidence.
        sources: [n], the tracker of each row.
        clusters: int64 [n]; reports of one cluster are duplicates of one another.
        age: float64 [n] in [0, 1): place in the time order of its tracker, 0 the oldest; NaN where nothing is dated.
        by_keywords: int64 [n]; position that the keyword rules answer, -1 where the rules do not know the task.
        facts: Names, hashes and counts of the files, for the report.
        encoder: Reads the texts for a model that looks at their meaning; None: words alone.
    """

    labels: tuple[str, ...]
    features: Features
    truth: Index
    weights: NDArray[np.float64]
    sources: NDArray[np.str_]
    clusters: Index
    age: NDArray[np.float64]
    by_keywords: Index
    facts: dict[str, Any]
    encoder: Encoder | None = None

    def projects(self, rows: Index) -> list[str]:
        """Project of each of these rows, empty where there is none."""
        return [self.features.projects[row] for row in rows]

    def texts(self, rows: Index) -> list[str]:
        """Title and description of each of these rows."""
        return [self.features.texts[row] for row in rows]


def read_dataset(
    paths: Sequence[Path], recipe: Recipe, *, encoder: Encoder | None = None, progress: Callable[[str], None]
) -> Dataset:
    """Read, filter and label the reports of some files or folders of files.

    Kept are reports that a tracker calls a bug (where it has types), with a label, at least 20 characters long, and
    not word for word the same as an earlier one.

    Raises:
        InvalidFile: A file cannot be used.
        TooFewSamples: Fewer than two labels have enough reports.
    """
    files = find_files(paths)
    frames = []
    for file in files:
        frames.append(_standard(file, recipe))
        progress(f"{file.name}: {len(frames[-1]):,} labelled reports")
    rows = pl.concat(frames).with_columns(age=_age()).sort("source", "age", "row", maintain_order=True)
    cleaned, features = _clean_all(rows)
    kept = _without_repetition(features.texts)
    kept = [row for row in kept if cleaned[row].long_enough]
    names = rows["label"].gather(kept).to_list()
    labels = _labels(names, recipe)
    kept = [row for row, name in zip(kept, names, strict=True) if name in labels]
    rows = rows[kept]
    truth = np.asarray([labels.index(name) for name in rows["label"]], np.int64)
    return Dataset(
        labels=labels,
        features=features.rows(np.asarray(kept, np.int64)),
        truth=truth,
        weights=np.asarray([recipe.evidence_weights.get(mark, 1.0) for mark in rows["strength"]], np.float64),
        sources=rows["source"].to_numpy().astype(np.str_),
        clusters=clusters_of(rows),
        age=rows["age"].to_numpy().astype(np.float64),
        by_keywords=_keywords(rows, labels, recipe),
        facts={
            "files": {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files},
            "n_reports": len(kept),
            "n_by_label": {label: int((truth == place).sum()) for place, label in enumerate(labels)},
        },
        encoder=encoder,
    )


def split_by_time(data: Dataset, recipe: Recipe, *, test_share: float) -> tuple[Index, Index, Index]:
    """Training, calibration and test rows: in each tracker the newest share is the test, the part before calibrates.

    Undated trackers only train, unless nothing is dated: then a pseudo-random order that depends on the words alone
    takes the place of time. A report whose duplicate cluster has a member in an earlier part is left out of the later.
    """
    age = data.age
    if np.isnan(age).all():
        seeded = (f"{recipe.seed}\n{text}".encode("utf-8", "replace") for text in data.features.texts)
        digests = [hashlib.sha256(content).hexdigest() for content in seeded]
        age = np.argsort(np.argsort(np.asarray(digests))) / len(digests)
    known = np.nan_to_num(age, nan=0.0)
    ends = [round(1 - test_share - recipe.calibration_share, 6), round(1 - test_share, 6)]  # not 0.7000000000000001
    part = np.digitize(known, ends)
    first = np.full(int(data.clusters.max(initial=-1)) + 1, 2)
    np.minimum.at(first, data.clusters, part)
    stays = first[data.clusters] == part
    return tuple(np.flatnonzero(stays & (part == number)) for number in range(3))  # type: ignore[return-value]


def find_files(paths: Sequence[Path]) -> list[Path]:
    """The files, and of folders the Parquet files in them.

    Raises:
        InvalidFile: There are none.
    """
    files = [file for path in paths for file in (sorted(path.glob("*.parquet")) if path.is_dir() else [path])]
    if not files:
        raise InvalidFile(path=", ".join(map(str, paths)), reason="there is no CSV, JSONL or Parquet file in it.")
    return files


def _standard(path: Path, recipe: Recipe) -> pl.DataFrame:
    """The columns that training knows, of the rows that have a label."""
    frame = read_reports(path, required=[recipe.label_column])
    strength = f"{recipe.label_column}_strength"
    created = pl.col("created") if "created" in frame.columns else pl.lit(None)
    columns = {
        "id": pl.col("id").cast(pl.String) if "id" in frame.columns else pl.lit(""),
        "source": pl.lit(path.stem),
        "kind": pl.col("issue_type").cast(pl.String) if "issue_type" in frame.columns else pl.lit(""),
        "label": pl.col(recipe.label_column).cast(pl.String).str.strip_chars(),
        "strength": pl.col(strength).cast(pl.String) if strength in frame.columns else pl.lit(""),
        "created": created.cast(pl.String, strict=False),  # ISO 8601 in every format we read: sorts as text
        "duplicate_of": pl.col("duplicate_of").cast(pl.String) if "duplicate_of" in frame.columns else pl.lit(""),
    }
    frame = frame.select("title", "description", "project", **columns).with_row_index("row")
    blank = pl.col("kind", "label", "strength", "duplicate_of", "id").fill_null("")
    return frame.with_columns(blank).filter(pl.col("label") != "", pl.col("kind").str.to_lowercase().is_in(["", "bug"]))


def _age() -> pl.Expr:
    """Place in the time order of the tracker; undated rows of a dated tracker count as its oldest."""
    dated = pl.col("created").is_not_null().any().over("source")
    place = pl.struct(pl.col("created").fill_null(""), "row").rank("ordinal").over("source")
    return pl.when(dated).then((place - 1) / pl.len().over("source")).otherwise(None)


def _clean_all(rows: pl.DataFrame) -> tuple[list[Any], Features]:
    cleaned, parts = [], []
    for batch in rows.iter_slices(BATCH):
        texts = [clean(text) for text in to_texts(batch)]
        parts.append(extract(texts))
        cleaned += texts
    return cleaned, Features.stack(parts)


def _without_repetition(texts: Sequence[str]) -> list[int]:
    """Positions of the first of each group of equal texts."""
    first: dict[bytes, int] = {}
    for row, text in enumerate(texts):
        first.setdefault(hashlib.sha256(text.encode("utf-8", "replace")).digest(), row)
    return sorted(first.values())


def _labels(names: list[str], recipe: Recipe) -> tuple[str, ...]:
    counts = {name: names.count(name) for name in dict.fromkeys(names)}
    enough = {name for name, n in counts.items() if n >= FEWEST_PER_LABEL}
    if len(enough) < 2:
        found = ", ".join(f"{name} ({n})" for name, n in counts.items()) or "none"
        reason = f"it takes two labels with {FEWEST_PER_LABEL} different reports each. Found: {found}."
        raise TooFewSamples(task=recipe.task, reason=reason)
    if recipe.task == Task.SEVERITY.value:
        if strange := enough - set(Severity):
            reason = f"severities are {', '.join(Severity)}; found: {', '.join(sorted(strange))}."
            raise TooFewSamples(task=recipe.task, reason=reason)
        return tuple(severity.value for severity in Severity)
    known = [name for name in recipe.known_labels or () if name in enough]
    return (*known, *sorted(enough - set(known)))


def clusters_of(rows: pl.DataFrame) -> Index:
    """Connected parts of the duplicate links of columns source, id and duplicate_of, by union-find within a tracker."""
    place = {key: row for row, key in enumerate(zip(rows["source"], rows["id"], strict=True)) if key[1]}
    parent = list(range(len(rows)))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for row, (source, links) in enumerate(zip(rows["source"], rows["duplicate_of"], strict=True)):
        for link in filter(None, links.split(";")):
            if (other := place.get((source, link))) is not None:
                parent[root(row)] = root(other)
    return np.asarray([root(row) for row in range(len(rows))], np.int64)


def _keywords(rows: pl.DataFrame, labels: tuple[str, ...], recipe: Recipe) -> Index:
    if recipe.task not in set(Task):
        return np.full(len(rows), -1, np.int64)
    field = list(Task).index(Task(recipe.task))
    answers = [label_by_keywords(text)[field] for text in to_texts(rows)]
    return np.asarray([labels.index(label) if label in labels else -1 for label in answers], np.int64)
