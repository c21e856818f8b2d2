"""`bugflow models compare|comparisons|stop`: two models on live bugs."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bugflow.cli.registry import Reason, changing
from bugflow.domain.experiments import ExperimentKind
from bugflow.runtime import utc_now
from bugflow.schemas.experiments import ExperimentCreate
from bugflow.services.experiments import deciding, measuring

N_SHOWN = 25


def compare(
    name: Annotated[str, typer.Argument(help="Name of a registered model, such as team-2.")],
    reason: Reason,
    half: Annotated[
        bool, typer.Option("--half", help="It answers for half of the bugs; else for none, silently.")
    ] = False,
) -> None:
    """Hold a registered model against the one that answers, on the bugs that are reported from now on."""
    kind = ExperimentKind.AB if half else ExperimentKind.SHADOW
    with changing() as (session, shelf):
        body = ExperimentCreate.model_validate({"challenger": name, "kind": kind, "reason": reason})
        found = deciding.start_experiment(session, shelf, body, actor=None, now=utc_now())
    how = "answers for half of the bugs" if half else "answers silently"
    typer.echo(f"Experiment {found.id}: {found.challenger} {how}, beside {found.champion}.")


def comparisons() -> None:
    """List comparisons of two models and what came of them."""
    table = Table("", "kind", "champion", "challenger", "bugs", "only champion", "only challenger", "outcome")
    with changing() as (session, _):
        found = measuring.list_experiments(session, cursor=None, limit=N_SHOWN, now=utc_now()).items
    for one in found:
        counted = one.comparison
        figures = (counted.n, counted.only_champion, counted.only_challenger)
        table.add_row(str(one.id), one.kind.value, one.champion, one.challenger, *map(str, figures), one.outcome)
    Console().print(table if found else "No two models were compared yet.")


def stop(experiment_id: Annotated[int, typer.Argument(help="Its number.", min=1)], reason: Reason) -> None:
    """End a comparison before anyone won; the champion answers on."""
    with changing() as (session, _):
        found = deciding.stop_experiment(session, experiment_id, actor=None, reason=reason, now=utc_now())
    typer.echo(f"Experiment {found.id} has ended; {found.champion} answers on.")
