"""Which rows stay and where they go: relational steps that run over any engine that Narwhals knows.

Each function takes a native lazy or eager frame (Polars, pandas, Spark) and returns a native lazy one. None depends
on the order of rows, threads or partitions: `order` is unique, `draw` comes from the words.
"""

from typing import Any

import narwhals as nw

from bugflow.ml.prepare.options import Sampling

PARTS = ("train", "validation", "test")
ENDS = (0.70, 0.85)  # requirements 3.1: 70/15/15
LEFT_OUT = "left_out"


def drop_repeated(native: Any) -> Any:
    """Of the rows with one `key`, the one of the lowest `order`."""
    frame = _lazy(native)
    return frame.filter(nw.col("order") == nw.col("order").min().over("key")).to_native()


def draw_sample(native: Any, n: int, *, sampling: Sampling) -> Any:
    """At most n rows, by `draw`; stratified: in proportion to the labels, exactly up to rounding."""
    frame = _with_stratum(_lazy(native)).with_columns(one=nw.lit(1))
    if sampling is Sampling.PLAIN:
        place = nw.col("one").cum_sum().over(order_by=["draw", "order"])
        return frame.with_columns(place=place).filter(nw.col("place") <= n).drop("one", "place", "stratum").to_native()
    counted = frame.group_by("stratum").agg(n=nw.len()).collect()
    sizes = dict(sorted(zip(counted["stratum"].to_list(), counted["n"].to_list(), strict=True)))
    shares = _largest_remainders(sizes, n)
    place = nw.col("one").cum_sum().over("stratum", order_by=["draw", "order"])
    frame = frame.with_columns(place=place)
    chosen = nw.lit(value=False)
    for stratum, share in shares.items():
        chosen |= (nw.col("stratum") == stratum) & (nw.col("place") <= share)
    return frame.filter(chosen).drop("one", "place", "stratum").to_native()


def split_stratified(native: Any) -> Any:
    """Add `part`: 70/15/15 of each combination of labels, whole clusters; a cluster counts as its least label."""
    frame = _with_stratum(_lazy(native))
    clusters = frame.group_by("cluster").agg(size=nw.len(), first=nw.col("draw").min(), kind=nw.col("stratum").min())
    behind = nw.col("size").cum_sum().over("kind", order_by=["first", "cluster"])
    clusters = clusters.with_columns(behind=behind, all=nw.col("size").sum().over("kind"))
    middle = (nw.col("behind") - nw.col("size") / 2) / nw.col("all")
    clusters = clusters.with_columns(part=_part_at(middle)).select("cluster", "part")
    return frame.drop("stratum").join(clusters, on="cluster", how="left").to_native()


def split_by_time(native: Any) -> Any:
    """Add `part`: of each `source` the oldest 70 % train, the newest 15 % test; what has no `moment` trains.

    A report whose cluster has a member in an earlier part is `left_out`.
    """
    frame = _lazy(native).with_columns(dated=(~nw.col("moment").is_null()).cast(nw.Int64))
    frame = frame.with_columns(
        place=nw.col("dated").cum_sum().over("source", order_by=["moment", "order"]),
        all=nw.col("dated").sum().over("source"),
    )
    middle = (nw.col("place") - 0.5) / nw.col("all")
    level = nw.when(nw.col("dated") == 0).then(0).otherwise(_level_at(middle))
    frame = frame.with_columns(level=level)
    frame = frame.with_columns(earliest=nw.col("level").min().over("cluster"))
    part = nw.when(nw.col("level") > nw.col("earliest")).then(nw.lit(LEFT_OUT)).otherwise(_name_of(nw.col("level")))
    return frame.with_columns(part=part).drop("dated", "place", "all", "level", "earliest").to_native()


def _lazy(native: Any) -> "nw.LazyFrame[Any]":
    frame: nw.LazyFrame[Any] = nw.from_native(native).lazy()
    return frame


def _with_stratum(frame: "nw.LazyFrame[Any]") -> "nw.LazyFrame[Any]":
    severity, team = nw.col("severity").fill_null(""), nw.col("team").fill_null("")
    return frame.with_columns(stratum=nw.concat_str([severity, team], separator="/"))


def _level_at(middle: nw.Expr) -> nw.Expr:
    return nw.when(middle < ENDS[0]).then(0).otherwise(nw.when(middle < ENDS[1]).then(1).otherwise(2))


def _name_of(level: nw.Expr) -> nw.Expr:
    train, validation, test = (nw.lit(name) for name in PARTS)
    return nw.when(level == 0).then(train).otherwise(nw.when(level == 1).then(validation).otherwise(test))


def _part_at(middle: nw.Expr) -> nw.Expr:
    return _name_of(_level_at(middle))


def _largest_remainders(sizes: dict[str, int], n: int) -> dict[str, int]:
    """That number shared out in proportion to the sizes, none above its size."""
    total = sum(sizes.values())
    if n >= total:
        return sizes
    shares = {name: size * n // total for name, size in sizes.items()}
    by_rest = sorted(sizes, key=lambda name: (-(sizes[name] * n % total), name))
    for name in by_rest[: n - sum(shares.values())]:
        shares[name] += 1
    return shares
