"""`bugflow db`: the database's schema."""

from typing import Annotated

import typer

from bugflow.config import load_settings
from bugflow.db import migrations
from bugflow.runtime import open_database

app = typer.Typer(help="Bring the database up to date.", no_args_is_help=True)


@app.command()
def upgrade() -> None:
    """Create the tables or bring them to this version; safe to repeat."""
    engine = open_database(load_settings()).engine
    before = migrations.current_revision(engine)
    migrations.upgrade(engine)
    after = migrations.current_revision(engine)
    typer.echo(f"The database is at {after}." if before == after else f"The database went from {before} to {after}.")


@app.command()
def downgrade(
    revision: Annotated[str, typer.Argument(help="Where to, or `base` for an empty database: all data is lost.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take back migrations; data of what they added is lost."""
    if not yes:
        typer.confirm(f"Data that came with the migrations after {revision} will be lost. Go on?", abort=True)
    engine = open_database(load_settings()).engine
    migrations.downgrade(engine, revision)
    typer.echo(f"The database is at {migrations.current_revision(engine) or 'base'}.")


@app.command()
def status() -> None:
    """Which migration the database is at, and which this version needs."""
    engine = open_database(load_settings()).engine
    typer.echo(f"at {migrations.current_revision(engine) or 'none (empty)'}, needed {migrations.head_revision()}")
