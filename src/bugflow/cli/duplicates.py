"""`bugflow duplicates`: find the bugs that say the same as a text, or rank a file of reports against itself."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bugflow.cli.predict import write_lines
from bugflow.cli.train import tell_embedded
from bugflow.config import load_settings
from bugflow.errors import InvalidFile
from bugflow.ml.duplicates.corpus import Corpus, read_corpus, replay
from bugflow.ml.duplicates.ranker import Ranker, load_ranker
from bugflow.ml.duplicates.search import PROMISE, SHIPPED_RANKER
from bugflow.ml.encoder import load_encoder
from bugflow.ml.reports import read_reports
from bugflow.ml.train.embeddings import CachedEncoder, default_cache
from bugflow.runtime import check_schema, open_database, open_search
from bugflow.schemas.duplicates import DuplicateSearchRequest
from bugflow.services.duplicates import finding

app = typer.Typer(help="Find reports that say the same.", no_args_is_help=True)


@app.command()
def search(
    text: Annotated[str, typer.Argument(help="What is being reported.")],
    title: Annotated[str | None, typer.Option(help="Its title.")] = None,
    project: Annotated[str | None, typer.Option(help="Its project.")] = None,
    top: Annotated[int, typer.Option(min=1, max=20, help="How many at most.")] = 5,
) -> None:
    """Show the bugs of this installation that may say the same."""
    settings = load_settings()
    database = open_database(settings)
    check_schema(database)
    body = DuplicateSearchRequest(description=text, title=title, project=project, limit=top)
    found = finding.search_duplicates(database, open_search(database, settings.models_dir), body=body)
    table = Table("bug", "probability", "status", "title", "why")
    for one in found.candidates:
        why = "; ".join(f"{evidence.kind.replace('_', ' ')}: {', '.join(evidence.values)}" for evidence in one.evidence)
        sure = f"{one.probability:.0%}{' likely' if one.likely else ''}"
        table.add_row(str(one.bug_id), sure, one.status.value, one.title, why)
    console = Console()
    if found.candidates:
        console.print(table, markup=False)
    else:
        console.print("No bug says the same.")
    for note in found.notes:
        console.print(note, markup=False)


@app.command()
def rank(
    corpus: Annotated[
        Path, typer.Argument(help="CSV, JSONL or Parquet with id, title, description[, project, created].")
    ],
    queries: Annotated[Path, typer.Option(help="Ids to search for, one a line.")],
    out: Annotated[Path, typer.Option(help="JSONL to write, one object an id, in the order of the ids.")],
    top: Annotated[int, typer.Option(min=1, max=100, help="Candidates of each, at most.")] = 10,
    model: Annotated[Path | None, typer.Option(help="Folder of a ranker; else the shipped one.")] = None,
) -> None:
    """For each of some reports of a file, the reports created before it that may say the same."""
    frame = read_reports(corpus, required=["id"])
    asked = _read_ids(queries, known=set(map(str, frame["id"].to_list())))
    ranker = load_ranker(model or SHIPPED_RANKER)
    encoder = CachedEncoder(load_encoder(), default_cache(), progress=tell_embedded)
    reports = read_corpus(corpus, frame, encoder)
    console = Console(stderr=True)
    ranked = track(
        _rank(reports, asked, ranker, top=top, d=encoder.n_dimensions), "Searching", len(set(asked)), console=console
    )
    by_id = {row["id"]: row for row in ranked}
    write_lines(out, (json.dumps(by_id[key], ensure_ascii=False) for key in asked))
    typer.echo(f"{len(asked):,} reports: {out}", err=True)


def _rank(corpus: Corpus, asked: list[str], ranker: Ranker, *, top: int, d: int) -> Iterator[dict[str, Any]]:
    place = {key: row for row, key in enumerate(corpus.ids)}
    bar = ranker.bar(PROMISE)
    for row, found in replay(corpus, {place[key] for key in asked}, n_dimensions=d):
        order, sure = ranker.rank(found.pairs)
        candidates = [
            {
                "id": corpus.ids[int(found.bug_ids[place])],
                "probability": round(probability, 6),
                "similarity": round(float(found.cosines[place]), 6),
            }
            for place, probability in zip(order[:top].tolist(), sure.tolist(), strict=False)
        ]
        yield {"id": corpus.ids[row], "candidates": candidates, "likely": bool(len(sure)) and bool(sure[0] >= bar)}


def _read_ids(path: Path, *, known: set[str]) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidFile(path=path, reason=f"it cannot be read ({error}).") from error
    for number, line in enumerate(lines, start=1):
        if line.strip() and line.strip() not in known:
            raise InvalidFile(path=path, reason=f"line {number}: no report has the id '{line.strip()[:60]}'.")
    return [line.strip() for line in lines if line.strip()]
