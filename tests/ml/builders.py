"""A tiny model built in code: crash is critical, typo is low; buttons are Frontend, servers are Backend."""

from collections.abc import Mapping

import numpy as np

from bugflow.domain.predictions import DEFAULT_TEAMS, BugText, Severity
from bugflow.ml.artifact import Artifact
from bugflow.ml.calibration import PROMISES, Bar, Calibration
from bugflow.ml.classifier import LinearModel, Vocabulary
from bugflow.ml.features import SIGNALS, extract
from bugflow.ml.text import clean

SEVERITY_CUES = {"crash": "critical", "slow": "medium", "typo": "low", "fails": "high"}
TEAM_CUES = {"button": "Frontend", "server": "Backend", "android": "Mobile", "docker": "DevOps"}


def tiny_model(labels: tuple[str, ...], cues: Mapping[str, str]) -> LinearModel:
    """Each cue adds 8 times its share of the title to the logit of its label."""
    weight_of: dict[int, tuple[float, int]] = {}
    for word, label in cues.items():
        features = extract([clean(BugText(word, ""))])
        weight_of[int(features.keys[0])] = (8.0, labels.index(label))
    keys = np.asarray(sorted(weight_of), np.uint32)
    weights = np.zeros((len(keys) + len(SIGNALS), len(labels)))
    for row, key in enumerate(keys.tolist()):
        weight, column = weight_of[key]
        weights[row, column] = weight
    weights[len(keys) + SIGNALS.index("asks a question"), 0] = 0.25
    idf = np.linspace(1, 2, len(keys)).astype(np.float16).astype(np.float32)
    return LinearModel(labels, Vocabulary(keys, idf), weights, 0.5 * (np.arange(len(labels)) == 1))


def tiny_calibration(k: int, *, threshold: float = 0.9) -> Calibration:
    """Temperature 1, no bias, plain costs, one threshold for all labels and promises."""
    bars = {promise: Bar((threshold,) * k, 0.5, 0.95) for promise in PROMISES}
    costs = tuple(tuple(float(row != column) for column in range(k)) for row in range(k))
    return Calibration(1.0, (0.0,) * k, costs, bars)


def tiny_artifact(name: str = "severity-1") -> Artifact:
    """A whole artifact of the task that its name says."""
    task = name.rsplit("-", 1)[0]
    labels = tuple(severity.value for severity in Severity) if task == "severity" else DEFAULT_TEAMS
    cues = SEVERITY_CUES if task == "severity" else TEAM_CUES
    model = tiny_model(labels, cues)
    scores = {"macro_f1": 0.5}
    report = {"by_time": {"model": scores}, "shipped": {"n_train": 8}}
    return Artifact(name, task, model, tiny_calibration(len(labels)), {"task": task}, report, f"# {name}\n")
