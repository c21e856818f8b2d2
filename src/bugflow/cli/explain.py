"""`bugflow explain`: why a label was predicted."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bugflow.domain.predictions import BugText, Task
from bugflow.ml.predictor import load_predictor


def explain(
    title: Annotated[str, typer.Argument(help="Title of the report.")],
    description: Annotated[str, typer.Option(help="Its description.")] = "",
    project: Annotated[str | None, typer.Option(help="Its project.")] = None,
    task: Annotated[Task, typer.Option(help="What to explain.")] = Task.SEVERITY,
    label: Annotated[str | None, typer.Option(help="Another label than the one predicted.")] = None,
    top: Annotated[int, typer.Option(min=1, help="How many cues to show.")] = 15,
    folder: Annotated[Path | None, typer.Option(help="Folder of models; by default the shipped ones.")] = None,
) -> None:
    """Show what speaks for and against a label; the parts add up to its score."""
    explanation = load_predictor(folder).explain(BugText(title, description, project), task, label=label)
    table = Table("cue", "adds to the score", title=f"{task.value}: {explanation.label}")
    shown, rest = explanation.contributions[:top], explanation.contributions[top:]
    for contribution in shown:
        table.add_row(contribution.cue, f"{contribution.weight:+.3f}")
    if rest:
        table.add_row(f"{len(rest)} smaller ones", f"{sum(cue.weight for cue in rest):+.3f}")
    table.add_row("without any cue", f"{explanation.intercept:+.3f}")
    table.add_row("score", f"{explanation.score:+.3f}", style="bold")
    console = Console()
    console.print(table)
    for note in filter(None, (explanation.counterfactual, *explanation.notes)):
        console.print(note, markup=False)
