"""One training run: read, evaluate, refit on the newest data, describe."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bugflow.errors import AlreadyExists, InvalidTaskName
from bugflow.ml.artifact import TASK_NAME, Artifact
from bugflow.ml.card import write_card
from bugflow.ml.classifier import LinearModel
from bugflow.ml.encoder import Encoder
from bugflow.ml.train.dataset import read_dataset, split_by_time
from bugflow.ml.train.evaluate import evaluate_by_source, evaluate_by_time
from bugflow.ml.train.freeze import freeze, report_rows
from bugflow.ml.train.linear import fit
from bugflow.ml.train.recipe import Recipe


def train_model(
    paths: Sequence[Path],
    recipe: Recipe,
    *,
    name: str,
    encoder: Encoder | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Artifact:
    """Train on labelled reports and say what the model is worth.

    What is measured are models that saw nothing of their test rows. The model that is returned is fitted once more,
    the same way, on all reports: nothing is known of it on later ones.

    Args:
        paths: Files, or folders of Parquet files; each file is one tracker.
        recipe: All knobs.
        name: Of the artifact, `severity-1`.
        encoder: Reads the texts; None for a model of words alone. It must be the shipped one for the model to load.
        progress: Is told each step.

    Raises:
        InvalidFile: A file cannot be used.
        TooFewSamples: Fewer than two labels have enough reports.
    """
    data = read_dataset(paths, recipe, encoder=encoder, progress=progress)
    progress(f"{len(data.truth):,} reports with {len(data.labels)} labels")
    report: dict[str, Any] = {"task": recipe.task, "labels": list(data.labels), "data": data.facts}
    train, later, test = split_by_time(data, recipe, test_share=recipe.test_share)
    report["split"] = "by a pseudo-random order, because nothing is dated" if np.isnan(data.age).all() else "by time"
    measured = fit(data, recipe, train=train, later=later)
    report["by_time"] = evaluate_by_time(data, measured, train=train, later=later, test=test)
    progress(f"newest reports: macro-F1 {report['by_time']['model']['macro_f1']:.3f}")
    report["by_source"] = evaluate_by_source(data, recipe, progress=progress)
    all_but_newest, newest, _ = split_by_time(data, recipe, test_share=0.0)
    decided = {knob: report["by_time"][knob] for knob in ("regularisation", "signal_scale")}
    settled = replace(recipe, **decided)
    fitted = fit(data, settled, train=all_but_newest, later=newest)
    rows = freeze(data, measured, fitted.calibration, test=test)
    report["evaluation"] = report_rows(rows, data.labels)
    report["shipped"] = {
        "n_train": len(all_but_newest) + len(newest),
        "n_calibration": len(newest),
        "n_words": len(fitted.model.vocabulary.keys),
        "reads_meaning": _how_often_read(fitted.model),
        **decided,
        "promises": {
            f"{promise:.2f}": {"coverage": round(bar.coverage, 4), "precision": round(bar.precision, 4)}
            for promise, bar in fitted.calibration.bars.items()
        },
    }
    return Artifact(
        name=name,
        task=recipe.task,
        model=fitted.model,
        calibration=fitted.calibration,
        recipe=settled.as_json(),
        report=report,
        card=write_card(name, report, recipe.as_json()),
        evaluation=rows,
    )


def _how_often_read(model: LinearModel) -> str:
    if model.meaning is None:
        return "never"
    return "of unknown projects" if model.familiar else "always"


def artifact_path(out: Path, task: str) -> Path:
    """Where a model goes: the folder itself if it is named like a model of the task, else the next number inside it.

    Raises:
        InvalidTaskName: The task cannot name a folder.
        AlreadyExists: The folder is there already.
    """
    if not TASK_NAME.fullmatch(task):
        raise InvalidTaskName(name=task)
    if re.fullmatch(rf"{task}-[1-9][0-9]*", out.name):
        if out.exists():
            raise AlreadyExists(what="model", key=out.name)
        return out
    taken = [path.name.removeprefix(f"{task}-") for path in out.glob(f"{task}-*")] if out.is_dir() else []
    return out / f"{task}-{max([int(number) for number in taken if number.isdecimal()], default=0) + 1}"
