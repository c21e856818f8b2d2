"""Track `keywords`: the requirements document's own task, to agree with its keyword rules."""

import hashlib
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl

from bugflow.domain.predictions import BugText, Task
from bugflow.ml.bench.answers import DIGITS, score_answers
from bugflow.ml.bench.bench import Bench
from bugflow.ml.bench.house import HOUSE, answer_fitted
from bugflow.ml.bench.tables import Table
from bugflow.ml.bench.trackers import sample_rows
from bugflow.ml.features import SIGNALS
from bugflow.ml.metrics import per_class
from bugflow.ml.reports import to_texts
from bugflow.ml.text import clean
from bugflow.ml.train.dataset import Dataset, Index, read_dataset
from bugflow.ml.train.linear import fit
from bugflow.ml.train.peers import Answers, answer_tfidf
from bugflow.ml.train.recipe import Recipe, default_recipe
from bugflow.ml.weak_labels import label_by_keywords

N_TEXTS = 100_000  # the document's
PARTS = (0.70, 0.85)  # where training and validation end
BLIND = "BugFlow, rules not among its signals"
FRAGILE_TEAM = "DevOps"  # the label that the document's own figures are worst at

_COLUMNS = {
    "task": "task", "name": "", "accuracy": "accuracy", "macro_f1": "macro-F1", "macro_f1_low": "95 % from",
    "macro_f1_high": "to", "devops_f1": "DevOps F1",
}  # fmt: skip
_NOTES = (
    "**This measures agreement with a rule, not whether a label is right.** The labels are what the document's keyword "
    "rules say of each cleaned text, in the document's order; on labels of people the same rules are right far more "
    "rarely (tracks severity and team).",
    "Whether a rule fired is among the signals of BugFlow's default recipe, because it helps on labels of people; here "
    "that is the answer itself. The row without those signals shows what the words alone recover.",
)


def measure_keywords(bench: Bench) -> list[Table]:
    """Severity and team by the rules, 70/15/15 stratified by both labels."""
    data = label_reports(bench, n=bench.limit or N_TEXTS)
    train, later, test = split_stratified(data)
    rows: list[dict[str, Any]] = []
    for position, task in enumerate(Task):
        recipe = default_recipe(task.value, task.value)
        ours = take_task(data, recipe, position=position)
        blind = replace(ours, features=replace(ours.features, signals=_without_rules(ours)))
        for name, known in ((HOUSE, ours), (BLIND, blind)):
            bench.tell(f"{task.value}: {name} on {len(train) + len(later):,} texts")
            fitted = fit(known, recipe, train=train, later=later)
            rows.append(_row(ours, test, task, name, answer_fitted(fitted, known, test)))
        bench.tell(f"{task.value}: TF-IDF + LR")
        answers = answer_tfidf(ours, np.concatenate([train, later]), test)
        rows.append(_row(ours, test, task, "TF-IDF + LR balanced", answers))
    split = (
        f"stratified by label, 70/15/15 in a pseudo-random order: {len(train):,} train, {len(later):,} calibrate, then "
        f"train as well, {len(test):,} test texts"
    )
    return [Table("keywords: agreement with the keyword rules", split, _COLUMNS, rows, _NOTES)]


def label_reports(bench: Bench, *, n: int) -> Dataset:
    """At most n texts of all trackers with the rules' two labels as one: `critical Backend`."""
    with TemporaryDirectory(prefix="bugflow-bench-") as folder:
        files = []
        for path, frame in sample_rows(bench.trackers, limit=n):
            labels = [" ".join(label_cleaned(text)) for text in to_texts(frame)]
            files.append(Path(folder) / path.name)
            texts = frame.select("title", "description", both=pl.Series(labels, dtype=pl.String))
            texts.write_parquet(files[-1])
        return read_dataset(files, Recipe("keywords", "both"), encoder=bench.encoder(), progress=bench.tell)


def label_cleaned(text: BugText) -> tuple[str, str]:
    """Severity and team by the rules in the document's order: clean, then label (3.1)."""
    cleaned = clean(text)
    return label_by_keywords(BugText(cleaned.title, cleaned.description))


def split_stratified(data: Dataset) -> tuple[Index, Index, Index]:
    """Training, validation and test rows with the same share of each label, by a hash of the texts."""
    digests = np.asarray([hashlib.sha256(text.encode("utf-8", "replace")).hexdigest() for text in data.features.texts])
    part = np.zeros(len(data.truth), np.int64)
    for label in np.unique(data.truth):
        members = np.flatnonzero(data.truth == label)
        members = members[np.argsort(digests[members])]
        part[members] = np.digitize(np.arange(len(members)) / len(members), PARTS)
    return np.flatnonzero(part == 0), np.flatnonzero(part == 1), np.flatnonzero(part == 2)


def take_task(data: Dataset, recipe: Recipe, *, position: int) -> Dataset:
    """The same reports with the first or second word of their label alone."""
    names = [label.split()[position] for label in data.labels]
    labels = tuple(name for name in recipe.known_labels or () if name in names)
    if recipe.task == Task.SEVERITY.value:
        labels = recipe.known_labels or labels  # the scale stays whole
    truth = np.asarray([labels.index(name) for name in names], np.int64)[data.truth]
    return replace(data, labels=labels, truth=truth, by_keywords=truth)


def _without_rules(data: Dataset) -> Any:
    """The signals [n, s], those of the rules silent."""
    silent = np.asarray([signal.startswith("keyword rule") for signal in SIGNALS])
    return np.where(silent, np.float32(0), data.features.signals)


def _row(data: Dataset, test: Index, task: Task, name: str, answers: Answers) -> dict[str, Any]:
    devops = None
    if task is Task.TEAM and FRAGILE_TEAM in data.labels:
        f1 = per_class(data.truth[test], answers.predicted, n_labels=len(data.labels))["f1"]
        devops = round(float(f1[data.labels.index(FRAGILE_TEAM)]), DIGITS)
    return {"task": task.value, "name": name, **score_answers(data, test, answers), "devops_f1": devops}
