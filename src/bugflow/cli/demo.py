"""`bugflow demo`: a whole installation with half a year of made-up work in it."""

from typing import Annotated

import typer

from bugflow.cli.logs import configure_logs
from bugflow.cli.serve import run_all
from bugflow.config import load_settings
from bugflow.db import migrations
from bugflow.errors import DemoNeedsEmptyData
from bugflow.runtime import Runtime, build_runtime, open_database
from bugflow.schemas.accounts import UserRead
from bugflow.services import accounts
from bugflow.services import demo as demo_data

DEMO_PASSWORD = "try-bugflow-2026"  # noqa: S105 - printed for everyone who tries the demo on their own machine


def demo(
    serve: Annotated[bool, typer.Option(help="Serve it afterwards.")] = True,
    api_port: Annotated[int, typer.Option(help="Port of the API.", min=1, max=65535)] = 8000,
    ui_port: Annotated[int, typer.Option(help="Port of the web pages.", min=1, max=65535)] = 8501,
) -> None:
    """Fill an empty data folder with demo people and bugs, then serve it. A second start keeps what was done."""
    settings = load_settings(log_level="WARNING")
    configure_logs(settings)
    migrations.upgrade(open_database(settings).engine)
    runtime = build_runtime(settings)
    people = _people(runtime)
    if not people:
        typer.echo("Writing six people and half a year of bugs …")
        demo_data.load_demo(
            runtime.database,
            runtime.predictor,
            runtime.tokens.passwords,
            policy=runtime.policy,
            password=DEMO_PASSWORD,
            now=runtime.clock(),
        )
        people = _people(runtime)
    with runtime.database.read() as session:
        if not demo_data.is_demo(session):
            raise DemoNeedsEmptyData
    runtime.database.engine.dispose()
    typer.secho(f"\n  Sign in as one of these, each with the password {DEMO_PASSWORD}", bold=True)
    for person in people:
        place = f" in {person.team}" if person.team else ""
        typer.echo(f"    {person.username:<10} {person.display_name}, {person.role}{place}")
    if serve:
        run_all(settings, host="127.0.0.1", api_port=api_port, ui_port=ui_port)


def _people(runtime: Runtime) -> list[UserRead]:
    with runtime.database.read() as session:
        return accounts.list_users(session, cursor=None, limit=100).items
