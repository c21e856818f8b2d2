"""Why a network said what it said: each word is left out in turn (Zeiler and Fergus 2014)."""

import re
from collections.abc import Sequence

import numpy as np

from bugflow.domain.predictions import Contribution, Explanation, Task
from bugflow.ml.calibration import Calibration
from bugflow.ml.features import Features
from bugflow.ml.network import TransformerModel

MAX_WORDS = 40  # each costs a run of the network: 15 ms for MiniLM at 64 tokens, on one thread
NOTE = (
    "by occlusion: each word is what the score loses when it is left out; words act together, and what they share "
    "stands in the part without any cue"
)

_WORD = re.compile(r"\w[\w'-]*\w")


def explain_by_occlusion(
    features: Features,
    *,
    task: Task,
    model: TransformerModel,
    calibration: Calibration,
    label: str,
    active: Sequence[int] | None = None,
) -> Explanation:
    """What a label's logit loses without each of the first `MAX_WORDS` different words, largest first.

    A network is no sum of its words: the intercept is whatever makes contributions and intercept add up to the score.

    Args:
        features: Of exactly one report.
        task: Of the model.
        model: What is asked.
        calibration: Its calibration.
        label: One of the model's labels.
        active: Positions of the labels that are in use; None for all.
    """
    text, place = features.texts[0], model.labels.index(label)
    found = list(dict.fromkeys(word.lower() for word in _WORD.findall(text)))
    words = found[:MAX_WORDS]
    logits = model.score_text(text)
    without = np.asarray([model.score_text(_leave_out(word, text)) for word in words]).reshape(len(words), len(logits))
    lost = logits - without
    contributions = [Contribution(word, float(share)) for word, share in zip(words, lost[:, place], strict=True)]
    answers = calibration.choose(calibration.probabilities(np.vstack([logits, without]), active=active))
    chosen, deciding = int(answers[0]), np.flatnonzero(answers[1:] != answers[0])
    counterfactual = None
    if len(deciding):
        strongest = int(deciding[np.argmax(lost[deciding, chosen])])
        counterfactual = f"without *{words[strongest]}*: {model.labels[answers[1 + strongest]]}"
    notes = [NOTE]
    if len(found) > len(words):
        notes.append(f"of {len(found)} different words the first {len(words)} were left out in turn")
    return Explanation(
        task=task,
        label=label,
        score=float(logits[place]),
        intercept=float(logits[place] - sum(contribution.weight for contribution in contributions)),
        contributions=sorted(contributions, key=lambda contribution: -abs(contribution.weight)),
        counterfactual=counterfactual,
        notes=tuple(notes),
    )


def _leave_out(word: str, text: str) -> str:
    return re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", " ", text, flags=re.IGNORECASE)
