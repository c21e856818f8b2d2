"""Promises of the training data."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from bugflow.errors import InvalidFile, TooFewSamples
from bugflow.ml.train.dataset import Dataset, read_dataset, split_by_time
from bugflow.ml.train.recipe import Recipe

RECIPE = Recipe(task="team", label_column="team")
N = 100


def _rows(**changes: list[Any]) -> dict[str, list[Any]]:
    start = datetime(2020, 1, 1, tzinfo=UTC)
    rows: dict[str, list[Any]] = {
        "id": [str(number) for number in range(N)],
        "title": [f"Report number {'x' * number} of the page" for number in range(N)],
        "description": ["It does not do what it should"] * N,
        "team": ["Backend", "Frontend"] * (N // 2),
        "created": [start + timedelta(days=number) for number in range(N)],
    }
    return {**rows, **changes}


def _read(folder: Path, rows: dict[str, list[Any]], recipe: Recipe = RECIPE) -> Dataset:
    pl.DataFrame(rows, strict=False).write_parquet(folder / "tracker.parquet")
    return read_dataset([folder], recipe, progress=lambda _: None)


def test_only_labelled_bugs_of_some_length_are_kept_and_each_once(tmp_path: Path) -> None:
    rows = _rows(issue_type=["Bug"] * 90 + ["Story"] * 10)
    rows["team"][0] = ""
    rows["title"][1], rows["description"][1] = "short", ""
    rows["title"][3] = rows["title"][2]
    assert len(_read(tmp_path, rows).truth) == 90 - 3


def test_weak_evidence_counts_less(tmp_path: Path) -> None:
    data = _read(tmp_path, _rows(team_strength=["strong", "weak"] * (N // 2)))
    assert set(data.weights[data.truth == 0]) == {1.0}
    assert set(data.weights[data.truth == 1]) == {RECIPE.evidence_weights["weak"]}


def test_later_parts_hold_later_reports(tmp_path: Path) -> None:
    rows = _rows()
    shuffled = np.random.default_rng(0).permutation(N)
    data = _read(tmp_path, {name: [values[place] for place in shuffled] for name, values in rows.items()})
    parts = split_by_time(data, RECIPE, test_share=0.2)
    assert [len(part) for part in parts] == [70, 10, 20]
    assert data.age[parts[0]].max() < data.age[parts[1]].min() <= data.age[parts[1]].max() < data.age[parts[2]].min()


def test_a_duplicate_of_a_training_report_is_no_test_report(tmp_path: Path) -> None:
    links = [""] * N
    links[99], links[98] = "98", "1"  # 99 → 98 → 1: one cluster, its first member trains
    data = _read(tmp_path, _rows(duplicate_of=links))
    train, later, test = split_by_time(data, RECIPE, test_share=0.2)
    assert len(test) == 18
    assert not set(data.clusters[train]) & set(data.clusters[np.concatenate([later, test])])


def test_undated_reports_are_split_by_their_words_and_always_the_same(tmp_path: Path) -> None:
    rows = _rows()
    del rows["created"]
    data = _read(tmp_path, rows)
    first, again = (split_by_time(data, RECIPE, test_share=0.2) for _ in range(2))
    assert [len(part) for part in first] == [70, 10, 20]
    assert all((one == other).all() for one, other in zip(first, again, strict=True))
    assert not (first[2] == np.arange(80, 100)).all()


def test_undated_trackers_beside_dated_ones_only_train(tmp_path: Path) -> None:
    rows = _rows()
    del rows["created"]
    rows["title"] = [f"undated {title}" for title in rows["title"]]
    pl.DataFrame(rows).write_parquet(tmp_path / "undated.parquet")
    data = _read(tmp_path, _rows())
    _, later, test = split_by_time(data, RECIPE, test_share=0.2)
    assert set(data.sources[np.concatenate([later, test])]) == {"tracker"}


def test_own_labels_come_in_bugflows_order_others_sorted(tmp_path: Path) -> None:
    severities = ["critical", "low", "high", "medium"] * (N // 4)
    assert _read(tmp_path, _rows(severity=severities), Recipe("severity", "severity")).labels == (
        "low", "medium", "high", "critical",
    )  # fmt: skip
    kinds = ["zebra", "ant"] * (N // 2)
    assert _read(tmp_path, _rows(kind=kinds), Recipe("kind", "kind")).labels == ("ant", "zebra")


def test_rare_labels_are_left_out_and_too_few_refused(tmp_path: Path) -> None:
    rare = ["a", "b"] * 49 + ["c"] * 2
    assert _read(tmp_path, _rows(kind=rare), Recipe("kind", "kind")).labels == ("a", "b")
    with pytest.raises(TooFewSamples, match=r"a \(100\)"):
        _read(tmp_path, _rows(kind=["a"] * N), Recipe("kind", "kind"))
    with pytest.raises(TooFewSamples, match="blocker"):
        _read(tmp_path, _rows(severity=["blocker", "low"] * 50), Recipe("severity", "severity"))


def test_a_missing_label_column_or_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match="no CSV, JSONL or Parquet"):
        read_dataset([tmp_path], RECIPE, progress=lambda _: None)
    with pytest.raises(InvalidFile, match="'kind' is missing"):
        _read(tmp_path, _rows(), Recipe("kind", "kind"))
