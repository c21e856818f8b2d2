"""One fit: how far corrections ask a model to move, and how hard what it learned before pulls it back."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

from bugflow.ml.artifact import Artifact
from bugflow.ml.encoder import Encoder
from bugflow.ml.train.corrections import Corrections
from bugflow.ml.train.dataset import Index

# Strength of the pull back to the base, as inverse penalties C; chosen on six development trackers, see docs.
MEANING_PULL = 3.0  # of each weight of a vector's numbers
LABEL_PULL = 3.0  # of the shift of a label for all projects that the base does not know
PROJECT_PULL = 2.0  # of the shift of a label for one project
SCALE_PENALTY = 20.0  # of the square of the logarithm by which the base is trusted more or less
SEVERITY_TRUST = 0.3  # what these are multiplied with for severities, on which people agree less; see docs
FEWEST_OF_PROJECT = 5  # corrections; a project with fewer is taken for an unknown one


@dataclass(frozen=True, slots=True)
class Rows:
    """What the fit reads of n corrections.

    Attributes:
        scores: float64 [n, k]; the base's calibrated logits.
        vectors: float64 [n, d].
        own: bool [n]; of a project that the base does not know.
    """

    scores: NDArray[np.float64]
    vectors: NDArray[np.float64]
    projects: NDArray[np.str_]
    own: NDArray[np.bool_]
    truth: Index
    weights: NDArray[np.float64]

    @staticmethod
    def of(base: Artifact, corrections: Corrections, encoder: Encoder) -> "Rows":
        """Ask the base and the encoder about each."""
        features, labels = corrections.features, base.model.labels
        logits = base.model.score(features)
        scores = np.zeros_like(logits)
        for row, project in enumerate(features.projects):
            calibration = base.calibration.of(project)
            scores[row] = logits[row] / calibration.temperature + np.asarray(calibration.bias)
        known = base.calibration.shares if base.calibration.strangers else {}
        return Rows(
            scores,
            encoder.encode(features.texts).astype(np.float64),
            np.asarray(features.projects, np.str_),
            np.asarray([project not in known for project in features.projects], bool),
            np.asarray([labels.index(label) for label in corrections.labels], np.int64),
            corrections.weights,
        )

    def take(self, index: Index) -> "Rows":
        """Those at these positions."""
        return Rows(
            self.scores[index],
            self.vectors[index],
            self.projects[index],
            self.own[index],
            self.truth[index],
            self.weights[index],
        )


@dataclass(frozen=True, slots=True)
class Step:
    """How far to move.

    Attributes:
        scale: What the base's scores of unknown projects are multiplied with.
        shift: float64 [k], added to them.
        by_project: float64 [k] by project.
        weights: float64 [d, k], in calibrated logits.
    """

    scale: float
    shift: NDArray[np.float64]
    by_project: dict[str, NDArray[np.float64]]
    weights: NDArray[np.float64]


def fit_step(rows: Rows, *, stretch: NDArray[np.float64], trust: float = 1.0) -> Step:
    """The step of highest posterior probability.

    Args:
        rows: The n corrections.
        stretch: float64 [n]; what each vector counts.
        trust: How much more, or less, than usual the corrections are believed against the base.
    """
    n, k = rows.scores.shape
    d = rows.vectors.shape[1]
    names, counts = np.unique(rows.projects, return_counts=True)
    kept = [str(name) for name, count in zip(names, counts, strict=True) if name and count >= FEWEST_OF_PROJECT]
    place = np.asarray([kept.index(name) if name in kept else len(kept) for name in rows.projects.tolist()])
    own, vectors = rows.own[:, None].astype(np.float64), rows.vectors * stretch[:, None]
    penalty = np.concatenate(
        [
            [SCALE_PENALTY],
            np.full(k, 0.5 / LABEL_PULL),
            np.full(len(kept) * k, 0.5 / PROJECT_PULL),
            np.full(d * k, 0.5 / MEANING_PULL),
        ]
    )
    penalty /= trust
    ends = np.cumsum([1, k, len(kept) * k])

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        log_scale, shift, by_project, weights = np.split(parameters, ends)
        scaled = np.where(rows.own[:, None], rows.scores * np.exp(log_scale[0]), rows.scores)
        effects = np.vstack([by_project.reshape(-1, k), np.zeros((1, k))])
        log_p = log_softmax(scaled + own * shift + effects[place] + vectors @ weights.reshape(d, k), axis=1)
        slope = np.exp(log_p)
        slope[np.arange(n), rows.truth] -= 1
        slope *= rows.weights[:, None]
        of_project = np.zeros_like(effects)
        np.add.at(of_project, place, slope)
        gradient = np.concatenate(
            [
                [(slope * own * scaled).sum()],
                (slope * own).sum(axis=0),
                of_project[:-1].ravel(),
                (vectors.T @ slope).ravel(),
            ]
        )
        likelihood = float((rows.weights * log_p[np.arange(n), rows.truth]).sum())
        return -likelihood + float((penalty * parameters**2).sum()), gradient + 2 * penalty * parameters

    best = minimize(loss, np.zeros(len(penalty)), jac=True, method="L-BFGS-B", options={"maxiter": 500}).x
    log_scale, shift, by_project, weights = np.split(best, ends)
    shares = dict(zip(kept, by_project.reshape(-1, k), strict=True))
    return Step(float(np.exp(log_scale[0])), shift, shares, weights.reshape(d, k))
