"""Learn from corrections without the data that a model was trained on: move it as little as they ask for."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from threadpoolctl import threadpool_limits

from bugflow.errors import TooFewSamples
from bugflow.ml.artifact import Artifact
from bugflow.ml.calibration import Calibration, fit_bars
from bugflow.ml.classifier import LinearModel, Meaning
from bugflow.ml.encoder import Encoder
from bugflow.ml.metrics import summarise
from bugflow.ml.train.corrections import Corrections
from bugflow.ml.train.costs import choose_costs, thin
from bugflow.ml.train.dataset import Index
from bugflow.ml.train.labels import numbers, with_labels
from bugflow.ml.train.recipe import SEVERITY_ORDER
from bugflow.ml.train.step import SEVERITY_TRUST, Rows, fit_step

SURE, DOUBTED = 0.5, 0.2  # a correction is set aside if its label has at most the latter, another one the former
FEWEST_TO_CHOOSE = 200  # with fewer, the base's costs of wrong answers are better than new ones
N_FOLDS = 5


@dataclass(frozen=True, slots=True)
class Adapted:
    """An adapted model, and what ones like it, that had not seen a fifth of the corrections, answered on that fifth.

    Attributes:
        truth: int64 [n], positions in the labels of the artifact.
        probabilities: float64 [n, k].
        answers: int64 [n].
        before: int64 [n]; what the base answers.
        doubtful: bool [n]; set aside, because what the others teach contradicts them.
    """

    artifact: Artifact
    truth: Index
    probabilities: NDArray[np.float64]
    answers: Index
    before: Index
    doubtful: NDArray[np.bool_]


def adapt(base: Artifact, corrections: Corrections, *, name: str, encoder: Encoder) -> Adapted:
    """Move a linear model by corrections: how far it trusts itself, what is common, and what the meaning says.

    The words' weights stay. Learned are, with a pull to zero: a factor and a shift for each label, a shift for each
    project, and a weight for each number of the text's vector; together the maximum a posteriori estimate around the
    base. Reports of projects that the base knows and nobody corrected are answered as before, to the last digit.

    Corrections that what the others teach surely contradicts are set aside (confident learning, Northcutt et al. 2021):
    with a fifth of the labels flipped, 1,000 corrections then cost 1 point of accuracy in xamarin instead of 7.

    Args:
        base: Trained or adapted before; stays as it is.
        corrections: In the order of time; a label that the base does not know becomes one of its labels.
        name: Of the new artifact.
        encoder: Makes the vectors; the one that the base reads with, if it reads any.

    Raises:
        TooFewSamples: There is no correction, or the base is not a linear model.
        UnknownLabel: A severity that does not exist.
    """
    if not isinstance(base.model, LinearModel):
        raise TooFewSamples(task=base.task, reason="a fine-tuned network is not adapted but fine-tuned again.")
    if not corrections.labels:
        raise TooFewSamples(task=base.task, reason="there is no correction to learn from.")
    base = with_labels(base, sorted(set(corrections.labels)))
    rows = Rows.of(base, corrections, encoder)
    projects = corrections.features.projects
    with threadpool_limits(1):  # small matrices: two threads on busy cores took ten times as long as one
        held = _hold_out(base, corrections, rows, encoder, kept=np.ones(len(rows.truth), bool))
        doubtful = _doubt(held, rows.truth, ordinal=base.model.labels == SEVERITY_ORDER)
        if doubtful.any():
            held = _hold_out(base, corrections, rows, encoder, kept=~doubtful)
        moved = _decide(_move(base, rows.take(np.flatnonzero(~doubtful)), encoder), held, rows, doubtful=doubtful)
    labels = moved.model.labels
    answers = np.asarray(
        [int(moved.calibration.of(project).choose(row[None])[0]) for row, project in zip(held, projects, strict=True)]
    )
    _, before = base.calibration.answer(base.model.score(corrections.features), projects)
    learned = {
        "n_corrections": len(rows.truth),
        "n_doubtful": int(doubtful.sum()),
        "n_by_label": {label: int((rows.truth == place).sum()) for place, label in enumerate(labels)},
        "held_out": _scores(rows.truth, answers, labels),
        "base": _scores(rows.truth, before, labels),
    }
    artifact = Artifact(
        name=name,
        task=base.task,
        model=moved.model,
        calibration=moved.calibration,
        recipe={**base.recipe, "kind": "adapted", "base": base.name},
        report={**base.report, "adapted": learned},
        card=_card(name, base, learned),
        evaluation=base.evaluation,
    )
    return Adapted(artifact, rows.truth, held, answers, before, doubtful)


def _doubt(held: NDArray[np.float64], truth: Index, *, ordinal: bool) -> NDArray[np.bool_]:
    """Which labels [n] are surely contradicted by held-out probabilities [n, k]; of severities, two levels off."""
    surest = held.argmax(axis=1)
    doubtful = (held.max(axis=1) >= SURE) & (held[np.arange(len(held)), truth] <= DOUBTED)
    return np.asarray(doubtful & (np.abs(surest - truth) > 1) if ordinal else doubtful)


def _hold_out(
    base: Artifact, corrections: Corrections, rows: Rows, encoder: Encoder, *, kept: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Probabilities [n, k] of each fifth of the corrections, by what those kept of the other fifths teach."""
    held, places = softmax(rows.scores, axis=1), np.arange(len(rows.truth))
    for fold in range(N_FOLDS if len(places) >= N_FOLDS else 0):
        outside = places[places % N_FOLDS == fold]
        moved = _move(base, rows.take(places[kept & (places % N_FOLDS != fold)]), encoder)
        unseen = corrections.features.rows(outside)
        held[outside], _ = moved.calibration.answer(moved.model.score(unseen), unseen.projects)
    return held


@dataclass(frozen=True, slots=True)
class _Moved:
    """A model that was moved, with its calibrations.

    Attributes:
        known: Of projects that the base knows; None where it knows none.
        own: Of all others.
    """

    model: LinearModel
    known: Calibration | None
    own: Calibration

    @property
    def calibration(self) -> Calibration:
        return replace(self.known, strangers=self.own) if self.known else self.own


def _move(base: Artifact, rows: Rows, encoder: Encoder) -> _Moved:
    """The base, moved by some corrections; for projects that it did not know nothing is promised yet."""
    model, old = base.model, base.calibration
    assert isinstance(model, LinearModel)  # noqa: S101 - adapt refuses others
    layer = old.strangers or old
    trust = SEVERITY_TRUST if model.labels == SEVERITY_ORDER else 1.0
    step = fit_step(rows, stretch=np.ones(len(rows.truth)), trust=trust)
    if not rows.own.all():  # what is learned is added before the temperature, and known projects have another one
        stretch = np.where(rows.own, 1.0, layer.temperature / step.scale / old.temperature)
        step = fit_step(rows, stretch=stretch, trust=trust)
    k = len(model.labels)
    known = old.shares if old.strangers else {}
    shares = {project: step.scale * np.asarray(share) for project, share in layer.shares.items()}
    shares |= {project: shares.get(project, np.zeros(k)) for project in {*rows.projects.tolist()} & {""}}
    shares |= {
        project: shares.get(project, np.zeros(k)) + change
        for project, change in step.by_project.items()
        if project not in known
    }
    unknown = replace(
        layer,
        temperature=layer.temperature / step.scale,
        bias=numbers(step.scale * np.asarray(layer.bias) + step.shift),
        bars={},
        shares={},
        strangers=None,
    )
    own = replace(unknown, shares={project: numbers(row) for project, row in shares.items()}, strangers=unknown)
    changed = {
        project: numbers(np.asarray(share) + step.by_project.get(project, 0.0)) for project, share in known.items()
    }
    weights = (step.weights * own.temperature + (model.learned.weights if model.learned else 0.0)).astype(np.float32)
    learned = Meaning(encoder, weights.astype(np.float64), np.zeros(k))
    corrected = model.corrected | (known.keys() & step.by_project.keys())
    return _Moved(
        replace(model, learned=learned, corrected=frozenset(corrected)),
        replace(old, shares=changed) if known else None,
        own,
    )


def _decide(moved: _Moved, held: NDArray[np.float64], rows: Rows, *, doubtful: NDArray[np.bool_]) -> _Moved:
    """The same with costs and bars of own projects, from probabilities of corrections that were not learned [n, k].

    Bars count those that were set aside as mistakes: if they are right, the promise is kept as well.
    """
    counted = rows.own & thin(rows.weights)
    probabilities, truth, own = held[counted], rows.truth[counted], moved.own
    if len(truth) >= FEWEST_TO_CHOOSE:
        believed = ~doubtful[counted]
        costs = choose_costs(probabilities[believed], truth[believed], labels=moved.model.labels)
        own = replace(own, costs=costs, strangers=replace(own.strangers, costs=costs) if own.strangers else None)
    if len(truth):
        own = replace(own, bars=fit_bars(probabilities, own.choose(probabilities), truth))
    return replace(moved, own=own)


def _scores(truth: Index, answers: Index, labels: tuple[str, ...]) -> dict[str, Any]:
    return summarise(truth, answers, labels=labels, ordinal=labels == SEVERITY_ORDER)


def _card(name: str, base: Artifact, learned: dict[str, Any]) -> str:
    """What was learned, above the card of the base."""
    before, after = learned["base"], learned["held_out"]
    counts = ", ".join(f"{label} {n:,}" for label, n in learned["n_by_label"].items() if n)
    own = (
        f"# {name}\n\n{base.name}, adapted by {learned['n_corrections']:,} corrections ({counts}). Of corrections that "
        f"it had not seen (five parts, each answered by what the other four taught) it got {after['accuracy']:.1%} "
        f"right, {base.name} {before['accuracy']:.1%}; macro-F1 {after['macro_f1']:.3f} and {before['macro_f1']:.3f}. "
        "Reports of projects that the base knows and nobody corrected are answered as before.\n\n"
    )
    return own + base.card.replace("# ", "## ", 1)
