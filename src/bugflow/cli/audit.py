"""`bugflow audit`: whether the log can be believed."""

import sys

import typer

from bugflow.config import load_settings
from bugflow.runtime import check_schema, open_database
from bugflow.services import audit

app = typer.Typer(help="Check the audit log.", no_args_is_help=True)


@app.callback()
def _audit() -> None: ...


@app.command()
def verify() -> None:
    """Recompute the hash chain; exit code 1 if any entry was edited, removed, inserted or moved."""
    database = open_database(load_settings())
    check_schema(database)
    with database.read() as session:
        verdict = audit.verify(session)
    if verdict.ok:
        typer.echo(f"{verdict.n_entries} entries, all whole. Head: {verdict.head}")
        return
    typer.secho(f"The audit log was tampered with: {verdict.problem}.", fg=typer.colors.RED, err=True)
    sys.exit(1)
