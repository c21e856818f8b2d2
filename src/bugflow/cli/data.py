"""`bugflow data`: training files from raw archives of reports."""

import errno
import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from bugflow.errors import InvalidFile
from bugflow.ml.prepare.options import KEYWORDS, Options, Sampling, Split, parse_labels
from bugflow.ml.prepare.run import N_SHOWN, REJECTED, Prepared, prepare

app = typer.Typer(help="Make training data.", no_args_is_help=True)

_STEPS = {
    "read": "read",
    "other_events": "other events, pull requests",
    "rejected": f"unreadable, see {REJECTED}",
    "not_bugs": "no bugs by their type",
    "unlabelled": "without a label",
    "too_short": "shorter than 20 characters",
    "exact_duplicates": "repeat another word for word",
    "near_duplicates": "nearly repeat another",
    "not_drawn": "not in the sample",
    "left_out": "duplicate of an earlier part's",
    "train": "train",
    "validation": "validation",
    "test": "test",
}
"""Count to what the table calls it, in the order of the pipeline."""


@app.callback()
def _data() -> None: ...


@app.command("prepare")
def prepare_data(
    files: Annotated[list[Path], typer.Argument(metavar="IN...", help="CSV, JSONL, Parquet or GitHub archive JSON.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to make.")],
    labels: Annotated[
        list[str] | None,
        typer.Option(help="keywords, or columns: severity, team, severity=COLUMN, team=COLUMN; repeatable."),
    ] = None,
    sample: Annotated[int | None, typer.Option(min=1, help="Keep at most so many reports.")] = None,
    sampling: Annotated[Sampling, typer.Option(help="How the sample is drawn.")] = Sampling.STRATIFIED,
    split: Annotated[Split, typer.Option(help="70/15/15 of each label, or by time in each file.")] = Split.STRATIFIED,
    near_duplicates: Annotated[
        bool, typer.Option("--near-duplicates/--keep-near-duplicates", help="Remove what nearly repeats another.")
    ] = True,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another sample and split.")] = 0,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; by default one a core.")] = None,
) -> None:
    """Clean, filter, label, deduplicate, sample and split reports into training, validation and test files.

    The same files and options give the same bytes. Killed, it goes on where it was: give the same command again.
    """
    columns = parse_labels(labels or [KEYWORDS])
    options = Options(columns, sample, sampling, split, near_duplicates, seed)
    shown = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*shown, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, Any] = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=total)
            bar.update(tasks[stage], completed=done, total=total)

        try:
            done = prepare(files, out, options, workers=workers or os.cpu_count() or 1, progress=show)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            reason = "the disk is full. Free some space and give the same command again: it goes on where it was."
            raise InvalidFile(path=out, reason=reason) from error
    _tell(done, out)


def _tell(done: Prepared, out: Path) -> None:
    report = done.report
    for row in report["rejected"]:
        column = f", column {row['column']}" if row["column"] else ""
        typer.echo(f"{row['file']}, line {row['line']}{column}: {row['reason']}", err=True)
    if (n := report["counts"]["rejected"]) > N_SHOWN:
        typer.echo(f"... and {n - N_SHOWN:,} more unreadable rows; all are in {out / REJECTED}.", err=True)
    table = Table("step", "reports")
    for name, title in _STEPS.items():
        if report["counts"].get(name) or name in {"read", "train", "validation", "test"}:
            table.add_row(title, f"{report['counts'].get(name, 0):,}")
    Console().print(table)
    if done.was_there:
        typer.echo(f"{out} was already made of these files with these options: nothing to do.")
    else:
        typer.echo(f"Saved: {out}")
