"""`bugflow train`: a model for any label set, with its report."""

import os
import tempfile
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from bugflow.cli.errors import needs_extra
from bugflow.config import load_settings
from bugflow.ml.artifact import Artifact, save_artifact
from bugflow.ml.duplicates.ranker import save_ranker
from bugflow.ml.encoder import CARD, Encoder, load_encoder
from bugflow.ml.train.dataset import find_files
from bugflow.ml.train.embeddings import CachedEncoder, default_cache
from bugflow.ml.train.pairs import train_ranker
from bugflow.ml.train.readings import Verdict, Verdicts, read_verdicts
from bugflow.ml.train.recipe import default_recipe
from bugflow.ml.train.run import artifact_path, train_model
from bugflow.runtime import check_schema, open_database
from bugflow.services.duplicates import decisions

DUPLICATE_OF = "duplicate_of"
ENCODER = "encoder"  # what the folders of tuned encoders are named after
SENTENCE_BASE = "sentence-transformers/all-MiniLM-L6-v2"  # what the shipped encoder is made from
INSTALLATION = "installation"  # names its bugs among the trackers


class RecipeKind(StrEnum):
    """The ways of training; all but `linear` and `pairs` need the extra `train`."""

    LINEAR = "linear"
    PAIRS = "pairs"
    TRIPLETS = "triplets"
    TRANSFORMER = "transformer"
    DISTILBERT_QUICK = "distilbert-quick"
    DISTILBERT_ENHANCED = "distilbert-enhanced"


FINE_TUNING = {RecipeKind.TRANSFORMER, RecipeKind.DISTILBERT_QUICK, RecipeKind.DISTILBERT_ENHANCED}


def train(
    task: Annotated[str, typer.Option(help="What to predict: severity, team, or a word of your own (a-z, 0-9, _).")],
    data: Annotated[list[Path], typer.Option(help="CSV, JSONL or Parquet, or a folder of Parquet files; repeatable.")],
    label_column: Annotated[str, typer.Option(help="The column that holds the labels.")],
    out: Annotated[Path, typer.Option(help="Folder of models; a name like out/severity-2 is used as it is.")],
    recipe: Annotated[RecipeKind, typer.Option(help="How to train.")] = RecipeKind.LINEAR,
    base: Annotated[
        str | None,
        typer.Option(
            help="Encoder to fine-tune: Hugging Face folder, or name; else distilbert-base-uncased, for triplets "
            "all-MiniLM-L6-v2. For pairs: folder of the encoder whose vectors it reads, else the shipped one."
        ),
    ] = None,
    samples: Annotated[int | None, typer.Option(min=1, help="Fine-tune on at most so many reports.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Fine-tune so many epochs at most.")] = None,
    learning_rate: Annotated[
        float | None, typer.Option(min=1e-7, max=1.0, help="The highest; else the recipe's, which suits DistilBERT.")
    ] = None,
    verdicts: Annotated[
        Path | None,
        typer.Option(help="Pairs that somebody read: tracker, id, other, verdict, stands_for (recipe pairs)."),
    ] = None,
    use_feedback: Annotated[
        bool,
        typer.Option("--use-feedback", help="Learn from this installation's bugs and links as well (recipe pairs)."),
    ] = False,
) -> None:
    """Train a model on labelled reports, print what it is worth, and save it.

    Fine-tuning that was killed goes on where it was: give the same command again.
    """
    path = artifact_path(out, ENCODER if recipe is RecipeKind.TRIPLETS else task)
    for option, value, kinds in (
        ("--base", base, set(RecipeKind) - {RecipeKind.LINEAR}),
        ("--samples", samples, FINE_TUNING),
        ("--epochs", epochs, {*FINE_TUNING, RecipeKind.TRIPLETS}),
        ("--learning-rate", learning_rate, {*FINE_TUNING, RecipeKind.TRIPLETS}),
        ("--verdicts", verdicts, {RecipeKind.PAIRS}),
        ("--use-feedback", use_feedback or None, {RecipeKind.PAIRS}),
    ):
        if value is not None and recipe not in kinds:
            names = ", ".join(kind.value for kind in RecipeKind if kind in kinds)
            raise typer.BadParameter(f"{option} is not for --recipe {recipe.value}, but for: {names}.")
    if recipe in {RecipeKind.PAIRS, RecipeKind.TRIPLETS} and label_column != DUPLICATE_OF:
        raise typer.BadParameter(f"--recipe {recipe.value} learns from the column {DUPLICATE_OF}.")
    if recipe is RecipeKind.PAIRS:
        known = load_encoder(Path(base)) if base else load_encoder()
        encoder = CachedEncoder(known, default_cache(), progress=tell_embedded)
        card = _train_pairs(data, path, encoder=encoder, verdicts=verdicts, use_feedback=use_feedback)
    elif recipe is RecipeKind.TRIPLETS:
        card = _tune_encoder(data, path, base=base, n_epochs=epochs, learning_rate=learning_rate)
    elif recipe is RecipeKind.LINEAR:
        encoder = CachedEncoder(load_encoder(), default_cache(), progress=tell_embedded)
        settings = default_recipe(task, label_column, kind=recipe.value)
        artifact = train_model(data, settings, name=path.name, encoder=encoder, progress=tell)
        save_artifact(artifact, path)
        card = artifact.card
    else:
        card = fine_tune(
            data,
            path,
            recipe=recipe,
            task=task,
            label_column=label_column,
            base=base,
            n_samples=samples,
            n_epochs=epochs,
            learning_rate=learning_rate,
        ).card
    typer.echo(card)
    typer.echo(f"Saved: {path}")


def _tune_encoder(
    data: list[Path], path: Path, *, base: str | None, n_epochs: int | None, learning_rate: float | None
) -> str:
    """Fine-tune a sentence encoder for duplicates and save it; its card.

    Raises:
        MissingExtra: Fine-tuning is not installed.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # see fine_tune
    with needs_extra("train"):
        from bugflow.ml.finetune.triplets import TripletRecipe, tune_encoder  # noqa: PLC0415 - torch takes seconds

    changes: dict[str, Any] = {"n_epochs": n_epochs, "learning_rate": learning_rate}
    recipe = replace(
        TripletRecipe(base or SENTENCE_BASE), **{name: value for name, value in changes.items() if value is not None}
    )
    tune_encoder(find_files(data), recipe, out=path, progress=tell)
    return (path / CARD).read_text("utf-8")


def _train_pairs(data: list[Path], path: Path, *, encoder: Encoder, verdicts: Path | None, use_feedback: bool) -> str:
    """Train and save a ranker of duplicates; its card."""
    said: dict[str, Verdicts] = dict(read_verdicts(verdicts)) if verdicts else {}
    with tempfile.TemporaryDirectory(prefix="bugflow-train-") as temporary:
        files = find_files(data)
        if use_feedback:
            own = Path(temporary) / f"{INSTALLATION}.jsonl"
            said[INSTALLATION] = _write_decisions(own)
            files.append(own)
        ranker = train_ranker(files, name=path.name, encoder=encoder, verdicts=said, progress=tell)
    save_ranker(ranker, path)
    return ranker.card


def _write_decisions(path: Path) -> Verdicts:
    """The installation's bugs with their links as a file, and what people called different."""
    database = open_database(load_settings())
    try:
        check_schema(database)
        with database.read() as session:
            n_linked = decisions.write_reports(session, path)
            dismissed = decisions.list_dismissed(session)
    finally:
        database.engine.dispose()
    tell(f"{n_linked:,} bugs that people linked, {len(dismissed):,} pairs that they called different")
    return dict.fromkeys(dismissed, Verdict(same=False, stands_for=0.0))


def fine_tune(
    data: list[Path],
    path: Path,
    *,
    recipe: RecipeKind,
    task: str,
    label_column: str,
    base: str | None,
    **changes: float | None,
) -> Artifact:
    """Fine-tune an encoder and save what comes of it; `changes` of the recipe by name, None for none.

    Raises:
        MissingExtra: Fine-tuning is not installed.
    """
    # Torch reads this when it is loaded. Threads that spin while they wait made a step twice as long on busy cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    with needs_extra("train"):
        from bugflow.ml.finetune.recipe import make_recipe  # noqa: PLC0415 - torch takes seconds
        from bugflow.ml.finetune.run import train_transformer  # noqa: PLC0415

    settings = make_recipe(recipe.value, task, label_column, base=base, **changes)
    return train_transformer(data, settings, out=path, progress=tell)


def tell(line: str) -> None:
    """To where it does not mix with what is asked for."""
    typer.echo(line, err=True)


def tell_embedded(done: int, n: int) -> None:
    """How far the encoder is."""
    tell(f"read {done:,} of {n:,} reports for their meaning")
