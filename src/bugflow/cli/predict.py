"""`bugflow predict`: answers for a file of reports, one JSON object a line."""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track

from bugflow.domain.predictions import BugText
from bugflow.errors import InvalidFile
from bugflow.ml.artifact import find_artifact, load_artifact
from bugflow.ml.calibration import DEFAULT_PROMISE
from bugflow.ml.features import extract
from bugflow.ml.predictor import answer_all, load_predictor
from bugflow.ml.reports import read_reports, to_texts
from bugflow.ml.text import clean

BATCH = 500  # reports a call; more gains no speed and costs memory


def predict(
    file: Annotated[Path, typer.Argument(help="CSV, JSONL or Parquet with id, title, description[, project].")],
    out: Annotated[Path, typer.Option(help="JSONL to write, one object a report, in order.")],
    model: Annotated[
        Path | None, typer.Option(help="What `bugflow train --out` wrote; else the shipped models.")
    ] = None,
    promise: Annotated[
        float, typer.Option(min=0.5, max=0.99, help="Precision asked of what is decided `auto`.")
    ] = DEFAULT_PROMISE,
) -> None:
    """Predict severity and team, or the label of a model of your own, for every report of a file."""
    frame = read_reports(file, required=["id"])
    texts, ids = to_texts(frame), frame["id"].to_list()
    if None in ids:
        raise InvalidFile(
            path=file, reason=f"row {ids.index(None) + 1}, column id: it is empty. Give every report an id."
        )
    answers = _with_model(texts, model, promise) if model else _with_shipped(texts, promise)
    shown = track(answers, "Predicting", len(ids), console=Console(stderr=True), transient=True)
    rows = ({"id": key, **answer} for key, answer in zip(ids, shown, strict=True))
    write_lines(out, (json.dumps(row, ensure_ascii=False) for row in rows))
    typer.echo(f"{len(ids):,} reports: {out}", err=True)


def _with_shipped(texts: list[BugText], promise: float) -> Iterator[dict[str, Any]]:
    predictor = load_predictor()
    for task, problem in predictor.problems.items():
        typer.echo(f"{task.value}: answered by keyword rules. {problem}", err=True)
    promises = dict.fromkeys(predictor.versions, promise)
    for start in range(0, len(texts), BATCH):
        for assessment in predictor.assess(texts[start : start + BATCH], promises=promises):
            row: dict[str, Any] = {}
            for prediction in assessment.predictions:
                name = prediction.task.value
                row[name] = prediction.label
                row[f"{name}_probabilities"] = _rounded(prediction.probabilities.items())
                row[f"{name}_decision"] = prediction.decision.value
            yield row


def _with_model(texts: list[BugText], path: Path, promise: float) -> Iterator[dict[str, Any]]:
    artifact = load_artifact(find_artifact(path))
    for start in range(0, len(texts), BATCH):
        features = extract([clean(text) for text in texts[start : start + BATCH]])
        for answer in answer_all(artifact, features, promise=promise):
            probabilities = _rounded(answer.probabilities.items())
            yield {"label": answer.label, "probabilities": probabilities, "decision": answer.decision.value}


def _rounded(probabilities: Iterable[tuple[str, float]]) -> dict[str, float]:
    return {label: round(probability, 6) for label, probability in probabilities}


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """All of them or none: into a temporary file beside it, then renamed."""
    if not path.parent.is_dir():
        raise InvalidFile(path=path, reason=f"the folder {path.parent} does not exist. Make it first.")
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{line}\n" for line in lines)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
