"""From logits to calibrated probabilities, an answer, and what may be done with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax

from bugflow.domain.predictions import Decision
from bugflow.ml.metrics import precision_bound

DEFAULT_PROMISE = 0.90  # the requirements document's "above 90 %"; a PM may ask for another
PROMISES = tuple(round(0.50 + 0.01 * step, 2) for step in range(50))  # 0.50 to 0.99: what can be asked for
RANK_STEP = 25  # thresholds are tried after every 25 answers: finer ones only add luck
PLAUSIBLE_MASS = 0.90  # labels are plausible until their probabilities, largest first, sum to this
MAX_PLAUSIBLE = 3  # the product shows the top three; an answer that needs more is none
BIAS_PENALTY = 1e-3  # keeps the bias of a label finite that the calibration slice does not hold
NEVER = 2.0  # a threshold that no probability reaches


@dataclass(frozen=True, slots=True)
class Bar:
    """What one promise asks for: the least confidence at which to act, label by label.

    Attributes:
        thresholds: One for each label, in (0, 1]; `NEVER` where the promise cannot be kept.
        coverage: Share of the calibration reports on which it acted.
        precision: Share of those on which it was right.
    """

    thresholds: tuple[float, ...]
    coverage: float
    precision: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was learned on a slice later than the training data.

    Attributes:
        temperature: Divides the logits; > 0 (Guo et al. 2017).
        bias: [k], added after that: corrects the label frequencies.
        costs: [k, k]; cost of answering the column when the row is true. The answer is the one of least expected cost.
        bars: By promise; those of `PROMISES`.
    """

    temperature: float
    bias: tuple[float, ...]
    costs: tuple[tuple[float, ...], ...]
    bars: Mapping[float, Bar] = field(default_factory=dict)

    def probabilities(self, logits: NDArray[np.float64], *, active: Sequence[int] | None = None) -> NDArray[np.float64]:
        """Calibrated probabilities [n, k]; those of labels that are not active are 0, the rest sum to 1."""
        scaled = logits / self.temperature + np.asarray(self.bias)
        if active is not None:
            masked = np.full_like(scaled, -np.inf)
            masked[:, list(active)] = scaled[:, list(active)]
            scaled = masked
        return np.asarray(softmax(scaled, axis=1), np.float64)

    def choose(self, probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
        """The label position of least expected cost, [n], among those that are possible at all."""
        expected = probabilities @ np.asarray(self.costs)
        return np.asarray(np.argmin(np.where(probabilities > 0, expected, np.inf), axis=1), np.int64)

    def bar(self, promise: float) -> Bar:
        """The bar of the least promise known that is not below this one; one that never acts beyond the last."""
        known = min((known for known in self.bars if known >= promise - 1e-9), default=None)
        return self.bars[known] if known is not None else Bar((NEVER,) * len(self.bias), 0.0, 0.0)


def decide(probabilities: NDArray[np.float64], chosen: int, bar: Bar) -> Decision:
    """What to do with one answer, from its probabilities [k]."""
    if probabilities[chosen] >= bar.thresholds[chosen]:
        return Decision.AUTO
    needed = int(np.searchsorted(np.cumsum(np.sort(probabilities)[::-1]), PLAUSIBLE_MASS - 1e-12)) + 1
    n_possible = int((probabilities > 0).sum())
    return Decision.ASK if needed > max(1, min(MAX_PLAUSIBLE, n_possible - 1)) else Decision.SUGGEST


def fit_probabilities(
    logits: NDArray[np.float64], truth: NDArray[np.int64], weights: NDArray[np.float64]
) -> tuple[float, tuple[float, ...]]:
    """Temperature and bias that give the held-out truth [n] the highest likelihood, row by row weighted."""
    k = logits.shape[1]

    def loss(parameters: NDArray[np.float64]) -> float:
        log_p = log_softmax(logits * np.exp(-parameters[0]) + parameters[1:], axis=1)
        likelihood = np.average(log_p[np.arange(len(truth)), truth], weights=weights)
        return float(-likelihood + BIAS_PENALTY * np.square(parameters).sum())

    from scipy.optimize import minimize  # noqa: PLC0415 - a fifth of the server's start, and needed to train only

    best = minimize(loss, np.zeros(k + 1), method="L-BFGS-B").x
    bias = best[1:] - best[1:].mean()
    return float(np.exp(best[0])), tuple(float(value) for value in bias)


def fit_bars(
    probabilities: NDArray[np.float64], chosen: NDArray[np.int64], truth: NDArray[np.int64]
) -> dict[float, Bar]:
    """For each promise and label the lowest threshold whose precision, bounded from below, keeps it."""
    n, k = probabilities.shape
    confidence = probabilities[np.arange(n), chosen]
    right = chosen == truth
    candidates = [_candidates(confidence[chosen == label], right[chosen == label]) for label in range(k)]
    bars = {}
    for promise in PROMISES:
        thresholds = tuple(
            min((threshold for threshold, bound in tried if bound >= promise), default=NEVER) for tried in candidates
        )
        acted = confidence >= np.asarray(thresholds)[chosen]
        precision = float(right[acted].mean()) if acted.any() else 0.0
        bars[promise] = Bar(thresholds, float(acted.mean()), precision)
    return bars


def _candidates(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> list[tuple[float, float]]:
    """Thresholds after every `RANK_STEP` answers, surest first, each with the lower bound of the precision above it."""
    order = np.argsort(-confidence, kind="stable")
    n_right = np.cumsum(right[order])
    return [
        (float(confidence[order[rank - 1]]), precision_bound(int(n_right[rank - 1]), rank))
        for rank in range(RANK_STEP, len(order) + 1, RANK_STEP)
    ]
