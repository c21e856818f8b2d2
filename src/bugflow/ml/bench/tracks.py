"""The tracks by name, and a run of some of them."""

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from bugflow.ml.bench.bench import Bench
from bugflow.ml.bench.duplicates import measure_duplicates
from bugflow.ml.bench.feedback import measure_feedback
from bugflow.ml.bench.keywords import measure_keywords
from bugflow.ml.bench.latency import measure_latency
from bugflow.ml.bench.neighbours import measure_neighbours
from bugflow.ml.bench.prepare import measure_prepare
from bugflow.ml.bench.promise import measure_promise
from bugflow.ml.bench.quality import measure_severity, measure_team
from bugflow.ml.bench.tables import Table, describe_run


class Track(StrEnum):
    """What can be measured."""

    KEYWORDS = "keywords"
    SEVERITY = "severity"
    TEAM = "team"
    PROMISE = "promise"
    FEEDBACK = "feedback"
    DUPLICATES = "duplicates"
    NEIGHBOURS = "neighbours"
    LATENCY = "latency"
    PREPARE = "prepare"


MEASURES: dict[Track, Callable[[Bench], list[Table]]] = {
    Track.KEYWORDS: measure_keywords,
    Track.SEVERITY: measure_severity,
    Track.TEAM: measure_team,
    Track.PROMISE: measure_promise,
    Track.FEEDBACK: measure_feedback,
    Track.DUPLICATES: measure_duplicates,
    Track.NEIGHBOURS: measure_neighbours,
    Track.LATENCY: measure_latency,
    Track.PREPARE: measure_prepare,
}
NEEDS_DATA = frozenset(Track) - {Track.LATENCY}


def run_tracks(bench: Bench, tracks: Sequence[Track], *, out: Path | None) -> Iterator[tuple[Track, list[Table]]]:
    """Measure one track after another, each as it is asked for.

    Args:
        bench: What the tracks are given.
        tracks: In this order.
        out: Where figures are kept for machines; written anew after each track, so that an interrupted run has kept
            those before it.
    """
    figures: dict[str, Any] = {
        "made": describe_run(bench.trackers, limit=bench.limit) | {"encoder": bench.load().name},
        "tracks": {},
    }
    for track in tracks:
        started = time.perf_counter()
        tables = MEASURES[track](bench)
        seconds = round(time.perf_counter() - started, 1)
        figures["tracks"][track.value] = {"seconds": seconds, "tables": [table.as_json() for table in tables]}
        if out is not None:
            temporary = out.with_name(f".{out.name}.{os.getpid()}")
            temporary.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            temporary.replace(out)
        yield track, tables
