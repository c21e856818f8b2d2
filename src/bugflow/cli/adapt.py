"""`bugflow adapt`: what corrections do to a model, without the data that it was trained on."""

from pathlib import Path
from typing import Annotated

import typer

from bugflow.cli.train import tell
from bugflow.errors import NotFound, TooFewSamples
from bugflow.ml.artifact import find_artifact, load_artifact, save_artifact
from bugflow.ml.encoder import load_encoder
from bugflow.ml.predictor import SHIPPED_MODELS, find_newest
from bugflow.ml.train.adapt import adapt as adapt_model
from bugflow.ml.train.corrections import read_corrections
from bugflow.ml.train.run import artifact_path


def adapt(
    task: Annotated[str, typer.Option(help="What the model predicts: severity, team, or a word of your own.")],
    corrections: Annotated[
        Path, typer.Option(help="Reports with the labels that people gave them: CSV, JSONL, Parquet.")
    ],
    label_column: Annotated[str, typer.Option(help="The column that holds the labels.")],
    out: Annotated[Path, typer.Option(help="Folder of models; a name like out/severity-2 is used as it is.")],
    base: Annotated[
        Path | None, typer.Option(help="Folder of the model to start from; else the shipped one of the task.")
    ] = None,
) -> None:
    """Move a model by corrections, print what that is worth, and save it as another one."""
    path = artifact_path(out, task)
    found = find_artifact(base) if base else find_newest(SHIPPED_MODELS, task)
    if found is None:
        raise NotFound(what="shipped model of the task", key=task)
    artifact = load_artifact(found)
    if artifact.task != task:
        reason = f"{found} predicts {artifact.task}. Give --task {artifact.task}, or another --base."
        raise TooFewSamples(task=task, reason=reason)
    known = read_corrections(corrections, label_column)
    tell(f"{len(known.labels):,} corrections")
    adapted = adapt_model(artifact, known, name=path.name, encoder=load_encoder()).artifact
    save_artifact(adapted, path)
    typer.echo(adapted.card)
    typer.echo(f"Saved: {path}")
