"""`bugflow train`: a model for any label set, with its report."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bugflow.ml.artifact import save_artifact
from bugflow.ml.train.recipe import default_recipe
from bugflow.ml.train.run import artifact_path, train_model


class RecipeKind(StrEnum):
    """The ways of training."""

    LINEAR = "linear"


def train(
    task: Annotated[str, typer.Option(help="What to predict: severity, team, or a word of your own (a-z, 0-9, _).")],
    data: Annotated[list[Path], typer.Option(help="CSV, JSONL or Parquet, or a folder of Parquet files; repeatable.")],
    label_column: Annotated[str, typer.Option(help="The column that holds the labels.")],
    out: Annotated[Path, typer.Option(help="Folder of models; a name like out/severity-2 is used as it is.")],
    recipe: Annotated[RecipeKind, typer.Option(help="How to train.")] = RecipeKind.LINEAR,
) -> None:
    """Train a model on labelled reports, print what it is worth, and save it."""
    path = artifact_path(out, task)
    settings = default_recipe(task, label_column, kind=recipe.value)
    artifact = train_model(data, settings, name=path.name, progress=lambda line: typer.echo(line, err=True))
    save_artifact(artifact, path)
    typer.echo(artifact.card)
    typer.echo(f"Saved: {path}")
