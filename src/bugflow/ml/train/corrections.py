"""What people said about reports, as a model learns it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from bugflow.ml.features import Features, extract
from bugflow.ml.reports import read_reports, to_texts
from bugflow.ml.text import clean
from bugflow.ml.train.dataset import Index
from bugflow.ml.train.recipe import default_recipe


@dataclass(frozen=True, slots=True)
class Corrections:
    """n reports with the labels that people gave them, in the order of time.

    Attributes:
        features: Of the reports.
        labels: [n].
        weights: float64 [n], what each counts.
    """

    features: Features
    labels: Sequence[str]
    weights: NDArray[np.float64]

    def rows(self, index: Index) -> "Corrections":
        """Those at these positions, in this order."""
        return Corrections(self.features.rows(index), [self.labels[row] for row in index], self.weights[index])


def read_corrections(path: Path, label_column: str) -> Corrections:
    """The labelled reports of a file, oldest first where they are dated; those without a label are passed over.

    A column `<label column>_strength` counts as in training: `default` 0.3, `weak` 0.5.

    Raises:
        InvalidFile: It cannot be used.
    """
    recipe = default_recipe("", label_column)
    rows = read_reports(path, required=[label_column])
    strength = f"{label_column}_strength"
    marks = pl.col(strength).cast(pl.String) if strength in rows.columns else pl.lit("")
    rows = rows.with_columns(
        label=pl.col(label_column).cast(pl.String).str.strip_chars().fill_null(""), mark=marks.fill_null("")
    ).filter(pl.col("label") != "")
    if "created" in rows.columns:
        rows = rows.sort(pl.col("created").cast(pl.String), nulls_last=False, maintain_order=True)
    return Corrections(
        extract([clean(text) for text in to_texts(rows)]),
        rows["label"].to_list(),
        np.asarray([recipe.evidence_weights.get(mark, 1.0) for mark in rows["mark"]], np.float64),
    )
