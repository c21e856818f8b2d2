"""`bugflow models`: what is installed, what it is worth, whether it is whole."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bugflow.cli import experiments, registry
from bugflow.cli.errors import needs_extra
from bugflow.errors import ArtifactCorrupt
from bugflow.ml.artifact import find_artifact, load_artifact
from bugflow.ml.encoder import SHIPPED_ENCODER, load_encoder
from bugflow.ml.folder import MANIFEST
from bugflow.ml.predictor import SHIPPED_MODELS

app = typer.Typer(help="Look at saved models, and say which of them answer.", no_args_is_help=True)
app.command("registered")(registry.registered)
app.command("promote")(registry.promote)
app.command("roll-back")(registry.roll_back)
app.command("compare")(experiments.compare)
app.command("comparisons")(experiments.comparisons)
app.command("stop")(experiments.stop)

Folder = Annotated[Path | None, typer.Option(help="Folder of models; by default the shipped ones.")]


@app.command("list")
def list_models(folder: Folder = None) -> None:
    """The models of a folder with their scores on the newest reports."""
    table = Table("model", "labels", "macro-F1", "trained on", "size", "state")
    for path in _models(folder):
        size = f"{sum(file.stat().st_size for file in path.iterdir()) / 1e6:.1f} MB"
        try:
            artifact = load_artifact(path)
        except ArtifactCorrupt as error:
            table.add_row(path.name, "", "", "", size, str(error))
            continue
        scores, shipped = artifact.report["by_time"]["model"], artifact.report["shipped"]
        labels = ", ".join(artifact.model.labels)
        table.add_row(path.name, labels, f"{scores['macro_f1']:.3f}", f"{shipped['n_train']:,}", size, "whole")
    Console().print(table)


@app.command()
def card(
    model: Annotated[str, typer.Argument(help="Name, such as severity-1, or a path.")], folder: Folder = None
) -> None:
    """Print the card of a model: data, splits, scores, limits."""
    path = Path(model)
    path = find_artifact(path) if path.is_dir() else (folder or SHIPPED_MODELS) / model
    typer.echo(load_artifact(path).card)


@app.command()
def verify(folder: Folder = None) -> None:
    """Check every file of every model against its manifest; fails at the first that does not match."""
    paths = _models(folder)
    for path in paths:
        load_artifact(path)
        typer.echo(f"{path.name}: whole")
    if not paths:
        typer.echo("There are no models.")
    if folder is None:
        typer.echo(f"{load_encoder().name}: whole")


@app.command("export-encoder")
def export(
    base: Annotated[str, typer.Argument(help="Hugging Face folder, or a name where there is a network.")],
    out: Annotated[Path, typer.Option(help="Folder to make; its name becomes the encoder's.")],
    max_tokens: Annotated[int, typer.Option(min=16, max=512, help="Longer texts are cut.")] = 128,
    card: Annotated[Path | None, typer.Option(help="Markdown: where it comes from, under which licence.")] = None,
) -> None:
    """Turn a sentence encoder into ONNX with weights in int8, as BugFlow runs it; needs the extra `train`."""
    with needs_extra("train"):
        from bugflow.ml.finetune.export import export_encoder  # noqa: PLC0415 - torch takes seconds

    text = card.read_text("utf-8") if card else ""
    exported = export_encoder(base, out, max_tokens=max_tokens, card=text)
    typer.echo(f"Saved: {out}. Mean cosine to the original: {exported.cosine:.4f}")


def _models(folder: Path | None) -> list[Path]:
    found = (path.parent for path in (folder or SHIPPED_MODELS).glob(f"*/{MANIFEST}"))
    return sorted(path for path in found if path != SHIPPED_ENCODER)
