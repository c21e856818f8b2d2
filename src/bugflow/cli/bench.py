"""`bugflow bench`: how well and how quickly it predicts, beside its peers."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from bugflow.cli.train import tell
from bugflow.ml.bench.bench import Bench
from bugflow.ml.bench.tables import describe_run, introduce
from bugflow.ml.bench.trackers import find_trackers
from bugflow.ml.bench.tracks import NEEDS_DATA, Track, run_tracks
from bugflow.ml.encoder import load_encoder
from bugflow.ml.train.embeddings import default_cache


def bench(
    tracks: Annotated[
        list[Track] | None, typer.Argument(metavar="[TRACK]...", help="What to measure; else all.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Where figures go, for machines.")
    ] = None,
    data: Annotated[
        Path, typer.Option(envvar="BUGFLOW_BENCH_DATA", metavar="DIR", help="Holds bugs/*.parquet, one file a tracker.")
    ] = Path("../shared/data"),
    limit: Annotated[
        int | None, typer.Option(min=100, help="At most so many reports, for a trial; its figures say nothing.")
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where vectors of texts are kept; else ~/.cache/bugflow/embeddings."),
    ] = None,
    encoder: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Read with this encoder; peers go on reading with the shipped one."),
    ] = None,
    verdicts: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Pairs that somebody read, for duplicates: benchmarks/duplicates_read.csv."),
    ] = None,
) -> None:
    """Measure quality and speed beside simple and usual peers, in the same run on the same reports.

    Tracks: keywords, severity, team, promise, feedback (half an hour), duplicates, neighbours (a million vectors),
    latency, prepare (half an hour, 20 GB of disk). Nothing is tuned on test reports. Without the data, tracks that
    need them are skipped.
    """
    asked = list(dict.fromkeys(tracks or Track))
    trackers = find_trackers(data)
    if not trackers and (skipped := [track for track in asked if track in NEEDS_DATA]):
        names = ", ".join(skipped)
        typer.echo(
            f"Skipped {names}: there are no bug reports in {data}. Name their folder: --data, BUGFLOW_BENCH_DATA."
        )
        asked = [track for track in asked if track not in NEEDS_DATA]
    if not asked:
        return
    run = Bench(
        trackers,
        limit=limit,
        cache=cache or default_cache(),
        tell=tell,
        load=partial(load_encoder, encoder) if encoder else load_encoder,
        load_peer=load_encoder,
        verdicts=verdicts,
    )
    typer.echo(introduce(describe_run(trackers, limit=limit)))
    for track, tables in run_tracks(run, asked, out=json_file):
        typer.echo(f"## {track}\n")
        for table in tables:
            typer.echo(table.as_markdown())
