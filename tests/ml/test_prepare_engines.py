"""Promises of the steps that run over several engines: the same rows from Polars, pandas and Spark, if it is there."""

import os
import sys
from collections.abc import Iterator
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from bugflow.ml.prepare.options import Sampling
from bugflow.ml.prepare.select import draw_sample, drop_repeated, split_by_time, split_stratified
from bugflow.ml.prepare.words import annotate, annotate_arrow

N = 200


def _keys() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "order": list(range(N)),
            "key": [number % 150 for number in range(N)],
            "draw": [number * 7_919 % 1_009 for number in range(N)],
            "severity": [("low", "high", None)[number % 3] for number in range(N)],
            "team": [("Backend", "Mobile")[number % 2] for number in range(N)],
            "moment": [number * 31 % N if number % 10 else None for number in range(N)],
            "source": ["one" if number < 120 else "two" for number in range(N)],
            "cluster": [number // 3 for number in range(N)],
        },
        schema_overrides={"moment": pl.Int64},
    )


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    """A Spark of one thread in this machine; PySpark is no dependency, so it is mostly absent."""
    sql = pytest.importorskip("pyspark.sql")
    os.environ["PYSPARK_PYTHON"] = sys.executable
    settings = {"spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "3", "spark.driver.host": "127.0.0.1"}
    builder = sql.SparkSession.builder.master("local[1]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    yield session
    session.stop()


def _collected(native: Any) -> list[tuple[Any, ...]]:
    """Rows by `order`, with the columns in one order and nothing for what is missing."""
    if isinstance(native, pl.LazyFrame):
        frame = native.collect()
    elif isinstance(native, pd.DataFrame):
        frame = pl.DataFrame({name: [None if pd.isna(x) else x for x in native[name]] for name in native.columns})
    else:
        frame = pl.DataFrame(pl.from_arrow(native.toArrow()))
    return frame.select(sorted(frame.columns)).sort("order").rows()


STEPS = {
    "repetition": drop_repeated,
    "stratified sample": lambda frame: draw_sample(frame, 61, sampling=Sampling.STRATIFIED),
    "plain sample": lambda frame: draw_sample(frame, 61, sampling=Sampling.PLAIN),
    "stratified split": split_stratified,
    "split by time": split_by_time,
}


@pytest.mark.parametrize("step", list(STEPS))
def test_pandas_and_polars_choose_the_same_rows(step: str) -> None:
    keys = _keys()
    ours = _collected(STEPS[step](keys))
    columns = {name: pd.array(keys[name].to_list(), dtype="Int64" if dtype == pl.Int64 else "object")
               for name, dtype in keys.schema.items()}  # fmt: skip
    assert _collected(STEPS[step](pd.DataFrame(columns))) == ours
    assert len(ours) == {"repetition": 150, "stratified sample": 61, "plain sample": 61}.get(step, N)


@pytest.mark.parametrize("step", list(STEPS))
@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_spark_and_polars_choose_the_same_rows(spark: Any, step: str) -> None:
    keys = _keys()
    frame = spark.createDataFrame(keys.rows(), "order long, key long, draw long, severity string, team string, "
                                  "moment long, source string, cluster long").repartition(5)  # fmt: skip
    assert _collected(STEPS[step](frame)) == _collected(STEPS[step](keys))


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_spark_annotates_like_polars(spark: Any) -> None:
    texts = pl.DataFrame(
        {"title": [f"crash of page {n}" for n in range(50)], "description": ["It <b>fails</b>", ""] * 25}
    )
    schema = (
        "title string, description string, text string, long_enough boolean, key long, draw long, signature binary, "
        "severity string, team string"
    )
    frame = spark.createDataFrame(texts.rows(), "title string, description string").repartition(4)
    made = pl.DataFrame(pl.from_arrow(frame.mapInArrow(annotate_arrow, schema).toArrow()))
    assert made.sort("key").rows() == annotate(texts, by_keywords=True).sort("key").rows()


def test_annotating_keeps_the_types_that_spark_is_told() -> None:
    batch = pa.RecordBatch.from_pylist([{"title": "A crash of the page", "description": "x"}])
    (made,) = annotate_arrow(iter([batch]))
    assert {field.name: str(field.type) for field in made.schema} == {
        "title": "large_string", "description": "large_string", "text": "large_string", "long_enough": "bool",
        "key": "int64", "draw": "int64", "signature": "large_binary", "severity": "large_string",
        "team": "large_string",
    }  # fmt: skip
