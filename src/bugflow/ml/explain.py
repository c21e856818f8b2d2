"""Why a label was predicted, exactly: the contributions add up to the score."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bugflow.domain.predictions import Contribution, Explanation, Task
from bugflow.ml.calibration import Calibration
from bugflow.ml.classifier import LinearModel
from bugflow.ml.features import Features, name_cues
from bugflow.ml.network import TransformerModel
from bugflow.ml.occlusion import explain_by_occlusion
from bugflow.ml.text import CleanText

MEANING = "signal: meaning of the whole text"
LEARNED = "signal: what corrections taught about its meaning"
SMALLEST = 1e-12  # a contribution below this is the zero of an absent signal


def explain_label(
    text: CleanText,
    features: Features,
    *,
    task: Task,
    model: LinearModel | TransformerModel,
    calibration: Calibration,
    label: str,
    active: Sequence[int] | None = None,
) -> Explanation:
    """Every cue of one report with what it adds to the label's logit, largest first; for a network by occlusion.

    Args:
        text: The report.
        features: Of exactly that report.
        label: One of the model's labels.
        active: Positions of the labels that are in use; None for all.
    """
    if isinstance(model, TransformerModel):
        return explain_by_occlusion(
            features, task=task, model=model, calibration=calibration, label=label, active=active
        )
    by_key, by_signal = model.contributions(features, label=label)
    names = name_cues(text)
    found = [Contribution(names[key], weight) for key, weight in by_key.items()]
    found += [Contribution(f"signal: {name}", weight) for name, weight in by_signal.items()]
    place = model.labels.index(label)
    meaning, learned = model.score_meaning(features)
    found += [Contribution(MEANING, float(meaning[0, place])), Contribution(LEARNED, float(learned[0, place]))]
    found = [contribution for contribution in found if abs(contribution.weight) > SMALLEST]
    notes = ["text truncated"] if text.truncated else []
    if not by_key:
        notes.append("no word of the report is known to the model")
    return Explanation(
        task=task,
        label=label,
        score=float(model.score(features)[0, place]),
        intercept=float(model.intercept[place]),
        contributions=sorted(found, key=lambda contribution: -abs(contribution.weight)),
        counterfactual=_counterfactual(features, names, model=model, calibration=calibration, active=active),
        notes=tuple(notes),
    )


def name_project(explanation: Explanation, calibration: Calibration, project: str, *, place: int) -> Explanation:
    """The same with the project's share for the label at `place` as one more cue, in logits as the others."""
    layer = calibration.layer_of(project)
    share = layer.shares.get(project)
    if share is None or abs(share[place]) <= SMALLEST:
        return explanation
    cue = Contribution(f"project: {project}", layer.temperature * share[place])
    return replace(
        explanation,
        score=explanation.score + cue.weight,
        contributions=sorted([*explanation.contributions, cue], key=lambda contribution: -abs(contribution.weight)),
    )


def _counterfactual(
    features: Features,
    names: dict[int, str],
    *,
    model: LinearModel,
    calibration: Calibration,
    active: Sequence[int] | None,
) -> str | None:
    """The cue without which the answer would be another, if one alone decides: "without *crash*: medium".

    A cue is taken out by taking its share out of every label's logit; the other words keep their weight.
    """
    weighed = model.vocabulary.weigh(features)
    n_keys = int((weighed.indices < len(model.vocabulary.keys)).sum())
    if not n_keys:
        return None
    shares = weighed.data[:n_keys, None].astype(np.float64) * model.weights[weighed.indices[:n_keys]]
    logits = model.score(features)
    chosen = int(calibration.choose(calibration.probabilities(logits, active=active))[0])
    without = calibration.choose(calibration.probabilities(logits - shares, active=active))
    deciding = np.flatnonzero(without != chosen)
    if not len(deciding):
        return None
    strongest = deciding[np.argmax(shares[deciding, chosen])]
    key = int(model.vocabulary.keys[weighed.indices[strongest]])
    return f"without *{names[key]}*: {model.labels[without[strongest]]}"
