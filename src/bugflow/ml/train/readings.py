"""Pairs that somebody has read: a word on what trackers left unmarked."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from bugflow.errors import InvalidFile
from bugflow.ml.reports import read_table

VERDICTS = {"same": True, "clone": True, "different": False, "unsure": False}
"""A clone says the same on purpose: who asks "was this reported before?" wants to see it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What somebody said who read two reports; `stands_for`: how many such pairs this one was drawn from."""

    same: bool
    stands_for: float = 1.0


Verdicts = Mapping[tuple[str, str], Verdict]
"""By a report and the earlier one."""


def read_verdicts(path: Path) -> dict[str, dict[tuple[str, str], Verdict]]:
    """The verdicts of a file with columns tracker, id, other, verdict, stands_for; by tracker.

    Raises:
        InvalidFile: It cannot be used.
    """
    rows = read_table(path, required=["tracker", "id", "other", "verdict", "stands_for"])
    rows = rows.with_columns(pl.col("tracker", "id", "other", "verdict").cast(pl.String))
    found: dict[str, dict[tuple[str, str], Verdict]] = {}
    for tracker, one, other, word, stands_for in rows.select(
        "tracker", "id", "other", "verdict", pl.col("stands_for").cast(pl.Float64, strict=False)
    ).iter_rows():
        if word not in VERDICTS or stands_for is None or stands_for < 0:
            reason = f"pair {one}, {other}: the verdict is one of {', '.join(VERDICTS)}, stands_for a number from 0 on."
            raise InvalidFile(path=path, reason=reason)
        found.setdefault(tracker, {})[one, other] = Verdict(VERDICTS[word], stands_for)
    return found
