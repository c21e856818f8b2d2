"""`bugflow models registered|promote|roll-back`, `bugflow retrain`: which models answer."""

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session

from bugflow.config import load_settings
from bugflow.domain.predictions import Task
from bugflow.domain.registry import Trigger
from bugflow.ml.shelf import Shelf
from bugflow.runtime import check_schema, open_database, open_shelf, utc_now
from bugflow.services import registry, retraining


def _sign(reason: str) -> str:
    """Who has a shell here need not have an account: history names them as the machine does."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user that no file names
        name = f"user {os.getuid()}"
    return f"{reason} ({name}, command line)"


Reason = Annotated[str, typer.Option(help="Why; it is kept with the model, and who you are here.", callback=_sign)]


@contextmanager
def changing() -> Iterator[tuple[Session, Shelf]]:
    """A transaction on the installation's database, and its models."""
    settings = load_settings()
    database = open_database(settings)
    check_schema(database)
    with database.write() as session:
        yield session, open_shelf(settings)


def registered() -> None:
    """List what this installation trained and which of it answers."""
    table = Table("model", "is", "since", "made from", "gate")
    gate = {True: "passed", False: "refused", None: ""}
    with changing() as (session, _):
        models = registry.list_models(session)
    for model in models:
        table.add_row(model.name, model.stage.value, f"{model.since:%Y-%m-%d %H:%M}", model.base, gate[model.passed])
    Console().print(table if models else "Nothing was trained here yet: the models that BugFlow began with answer.")


def promote(
    name: Annotated[str, typer.Argument(help="Name of a registered model, such as team-2.")], reason: Reason
) -> None:
    """Let a registered model answer; every running process takes it up within seconds."""
    with changing() as (session, shelf):
        model = registry.promote(session, shelf, name, actor=None, reason=reason, now=utc_now())
    typer.echo(f"{model.name} answers for {model.task.value} now.")


def roll_back(task: Annotated[Task, typer.Argument(help="What it predicts.")], reason: Reason) -> None:
    """Let the former model of a task answer again; every running process takes it up within seconds."""
    with changing() as (session, shelf):
        model = registry.roll_back(session, shelf, task, actor=None, reason=reason, now=utc_now())
    typer.echo(f"{model.name} answers for {model.task.value} again.")


def retrain() -> None:
    """Ask for a retraining from what people said; a running server or worker does it."""
    with changing() as (session, _):
        run = retraining.request_retraining(session, Trigger.MANUAL, actor=None, now=utc_now())
    typer.echo(f"Run {run.id}: {run.state.value}, {run.step}.")
