"""`bugflow import`: bugs from other trackers."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bugflow.config import load_settings
from bugflow.errors import InvalidFile, InvalidFilter
from bugflow.runtime import build_runtime
from bugflow.services.imports.files import count_rows
from bugflow.services.imports.importing import ImportOptions, ImportReport, import_file

N_SHOWN = 20


def import_bugs(
    file: Annotated[Path, typer.Argument(help="CSV, JSONL or Parquet, a bug a row.")],
    source: Annotated[
        str | None, typer.Option(help="Name of the tracker it comes from; by default the file's name.")
    ] = None,
    project: Annotated[str | None, typer.Option(help="Project of rows that name none; by default the source.")] = None,
    map_column: Annotated[
        list[str] | None, typer.Option("--map", help="FIELD=COLUMN where names do not say it; FIELD= leaves it out.")
    ] = None,
    map_severity: Annotated[
        list[str] | None, typer.Option(help="WORD=low|medium|high|critical for words of that tracker.")
    ] = None,
    map_status: Annotated[
        list[str] | None, typer.Option(help="WORD=open|in_progress|resolved for words of that tracker.")
    ] = None,
    stop_on_bad_row: Annotated[
        bool, typer.Option("--stop-on-bad-row", help="Import nothing if any row is bad, instead of leaving it out.")
    ] = False,
    bad_rows: Annotated[Path | None, typer.Option(help="Write the bad rows' lines and reasons here, as JSONL.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and check everything, write nothing.")] = False,
) -> None:
    """Import bugs. What is repeated or was imported before adds nothing, so an interrupted import is just run again."""
    if bad_rows is not None and not bad_rows.parent.is_dir():
        raise InvalidFile(path=bad_rows, reason=f"the folder {bad_rows.parent} does not exist. Make it first.")
    runtime = build_runtime(load_settings())
    name = source or file.stem.encode("utf-8", "replace").decode()
    options = ImportOptions(
        source=name[:80],
        default_project=" ".join((project or "").split())[:80] or name[:80],
        columns=_pairs("--map", map_column or []),
        severities=_pairs("--map-severity", map_severity or []),
        statuses=_pairs("--map-status", map_status or []),
        stop_on_bad_row=stop_on_bad_row,
        dry_run=dry_run,
    )
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task("Checking" if dry_run else "Importing", total=count_rows(file) if file.is_file() else None)
        report = import_file(
            runtime.database,
            runtime.predictor,
            file,
            options=options,
            policy=runtime.policy,
            now=runtime.clock(),
            progress=lambda n: bar.advance(task, n),
        )
    _tell(report, dry_run=dry_run)
    if bad_rows is not None:
        lines = (json.dumps({"line": bad.line, "reason": bad.reason}, ensure_ascii=False) for bad in report.bad_rows)
        bad_rows.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _tell(report: ImportReport, *, dry_run: bool) -> None:
    typer.echo("Columns: " + ", ".join(f"{field} <- {column}" for field, column in report.columns.items()))
    for bad in report.bad_rows[:N_SHOWN]:
        typer.echo(f"line {bad.line}: {bad.reason}", err=True)
    if len(report.bad_rows) > N_SHOWN:
        typer.echo(f"… and {len(report.bad_rows) - N_SHOWN:,} more bad rows; --bad-rows FILE keeps all.", err=True)
    verb = "would be added" if dry_run else "added"
    typer.echo(
        f"{report.n_read:,} rows: {report.n_added:,} {verb}, {report.n_already_there:,} already there, "
        f"{len(report.bad_rows):,} bad."
    )


def _pairs(option: str, given: list[str]) -> dict[str, str]:
    pairs = {}
    for pair in given:
        left, equals, right = pair.partition("=")
        if not equals:
            raise InvalidFilter(field=option, value=pair, choices="NAME=VALUE")
        pairs[left.strip()] = right.strip()
    return pairs
