"""`fine_tune_bert.py`: fine-tune on what people said of predictions (requirements 4.3)."""

import json
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from bugflow.cli.errors import exit_code_of, report
from bugflow.cli.train import RecipeKind, fine_tune, tell
from bugflow.config import load_settings
from bugflow.domain.feedback import FeedbackKind
from bugflow.domain.predictions import Task
from bugflow.errors import BugFlowError, TooFewSamples
from bugflow.ml.artifact import RECIPE
from bugflow.ml.folder import MANIFEST
from bugflow.ml.network import FORMAT
from bugflow.ml.train.run import artifact_path
from bugflow.runtime import check_schema, open_database
from bugflow.services import feedback

FEEDBACK_FILE = "feedback.jsonl"


def fine_tune_bert(
    use_feedback: Annotated[
        bool, typer.Option("--use-feedback", help="Learn from what people said in this installation's database.")
    ] = False,
    min_samples: Annotated[int, typer.Option(min=1, help="Refuse with fewer corrected bugs than that.")] = 50,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs at most; else the recipe's.")] = None,
    task: Annotated[Task, typer.Option(help="What to predict.")] = Task.SEVERITY,
    data: Annotated[
        list[Path] | None, typer.Option(help="Labelled reports to learn from as well: CSV, JSONL, Parquet; repeatable.")
    ] = None,
    label_column: Annotated[str | None, typer.Option(help="Their column of labels; else the task's name.")] = None,
    base: Annotated[
        str | None,
        typer.Option(help="Encoder: Hugging Face folder or name; else that of the newest fine-tuned model."),
    ] = None,
    recipe: Annotated[RecipeKind, typer.Option(help="How to train.")] = RecipeKind.TRANSFORMER,
    out: Annotated[
        Path | None, typer.Option(help="Folder of models to add to; else `candidates` in the data folder.")
    ] = None,
) -> None:
    """Fine-tune an encoder on corrections, on labelled reports, or on both, print what it is worth, and save it.

    Nothing is put to use by that: BUGFLOW_MODELS_DIR says which models answer.
    """
    if recipe is RecipeKind.LINEAR:
        raise typer.BadParameter("--recipe linear fine-tunes nothing. Use: bugflow train --recipe linear")
    if not use_feedback and not data:
        raise typer.BadParameter("there is nothing to learn from. Give --use-feedback, --data, or both.")
    settings = load_settings()
    folder = out or settings.data_dir / "candidates"
    column = label_column or task.value
    base = base or _find_base([folder, settings.models_dir], task)
    with tempfile.TemporaryDirectory() as temporary:
        files = list(data or [])
        if use_feedback:
            files.append(_write_feedback(Path(temporary) / FEEDBACK_FILE, task, column, min_samples=min_samples))
        path = artifact_path(folder, task.value)
        artifact = fine_tune(
            files, path, recipe=recipe, task=task.value, label_column=column, base=base, n_epochs=epochs
        )
    typer.echo(artifact.card)
    typer.echo(f"Saved: {path}")


def _write_feedback(path: Path, task: Task, column: str, *, min_samples: int) -> Path:
    """What people said, as a file of labelled reports.

    Raises:
        TooFewSamples: Fewer bugs were corrected than asked for.
        DatabaseOutdated: The database must be migrated first.
    """
    database = open_database(load_settings())
    try:
        check_schema(database)
        with database.read() as session:
            rows = feedback.find_training_rows(session, task)
    finally:
        database.engine.dispose()
    n_corrected = sum(row.kind is FeedbackKind.CORRECTION for row in rows)
    if n_corrected < min_samples:
        reason = f"{n_corrected} bugs were corrected, at least {min_samples} are asked for (--min-samples)."
        raise TooFewSamples(task=task.value, reason=reason)
    tell(f"{n_corrected:,} corrected and {len(rows) - n_corrected:,} otherwise judged bugs")
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            texts = {"id": str(row.bug_id), "title": row.title, "description": row.description, "project": row.project}
            said = {column: row.label, f"{column}_strength": row.strength, "created": row.created_at.isoformat()}
            file.write(json.dumps(texts | said) + "\n")
    return path


def _find_base(folders: list[Path | None], task: Task) -> str | None:
    """The encoder that the newest fine-tuned model of a task began as; None where there is none."""
    found: list[tuple[int, str]] = []
    for folder in filter(None, folders):
        for path in folder.glob(f"{task.value}-*/{MANIFEST}"):
            number = path.parent.name.removeprefix(f"{task.value}-")
            try:
                if number.isdecimal() and json.loads(path.read_bytes())["format"] == FORMAT:
                    found.append((int(number), str(json.loads(path.with_name(RECIPE).read_bytes())["base"])))
            except (OSError, ValueError, KeyError, TypeError):
                continue  # a damaged model decides nothing
    return max(found)[1] if found else None


def main() -> None:
    """Run it as a script; an error of ours is one clear line and the exit code of its family."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command()(fine_tune_bert)
    try:
        app()
    except BugFlowError as error:
        report(error)
        sys.exit(exit_code_of(error))
