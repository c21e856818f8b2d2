"""A model gets labels that it was not trained with."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bugflow.errors import UnknownLabel
from bugflow.ml.artifact import Artifact
from bugflow.ml.calibration import NEVER, Calibration
from bugflow.ml.classifier import LinearModel, Meaning
from bugflow.ml.train.recipe import SEVERITY_ORDER

NEW_LABEL = -2.0  # where a label begins that the base does not have: about one in ten


def with_labels(base: Artifact, labels: Sequence[str]) -> Artifact:
    """The base with these labels too; of a new one it knows nothing but that it is rare.

    Raises:
        UnknownLabel: A severity that does not exist.
    """
    model, old = base.model, base.calibration
    assert isinstance(model, LinearModel)  # noqa: S101 - adapt refuses others
    new = [label for label in labels if label not in model.labels]
    if not new:
        return base
    if model.labels == SEVERITY_ORDER:
        raise UnknownLabel(field=base.task, label=new[0], labels=", ".join(model.labels))
    n = len(new)

    def widened(part: Meaning | None) -> Meaning | None:
        return part and replace(
            part, weights=np.pad(part.weights, ((0, 0), (0, n))), intercept=np.pad(part.intercept, (0, n))
        )

    return replace(
        base,
        model=replace(
            model,
            labels=(*model.labels, *new),
            weights=np.pad(model.weights, ((0, 0), (0, n))),
            intercept=np.pad(model.intercept, (0, n), constant_values=float(model.intercept.mean())),
            meaning=widened(model.meaning),
            learned=widened(model.learned),
        ),
        calibration=_widened(old, n),
    )


def _widened(old: Calibration, n: int) -> Calibration:
    """A calibration for n more labels; a mistake in one of them costs what the dearest one costs."""
    costs = np.pad(np.asarray(old.costs), ((0, n), (0, n)), constant_values=float(np.max(old.costs)))
    np.fill_diagonal(costs, 0.0)
    return Calibration(
        old.temperature,
        (*old.bias, *[NEW_LABEL] * n),
        tuple(numbers(row) for row in costs),
        {promise: replace(bar, thresholds=(*bar.thresholds, *[NEVER] * n)) for promise, bar in old.bars.items()},
        {project: (*share, *[0.0] * n) for project, share in old.shares.items()},
        _widened(old.strangers, n) if old.strangers else None,
    )


def numbers(row: NDArray[np.float64]) -> tuple[float, ...]:
    """As calibrations keep them."""
    return tuple(float(value) for value in row)
