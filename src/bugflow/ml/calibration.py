"""From logits to calibrated probabilities, an answer, and what may be done with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

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
PROJECT_PENALTY = 1.0  # of the square of a project's share, beside one report's log-likelihood; 1 to 30 tried
FEWEST_OF_PROJECT = 20  # held-out reports; a project with fewer gets no share of its own
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
        shares: By project, lower-case, what is added to the bias [k] of its reports: its labels are not everybody's.
        strangers: For reports of a project without a share; None: the same as for everyone.
    """

    temperature: float
    bias: tuple[float, ...]
    costs: tuple[tuple[float, ...], ...]
    bars: Mapping[float, Bar] = field(default_factory=dict)
    shares: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    strangers: "Calibration | None" = None

    def of(self, project: str) -> "Calibration":
        """What holds for one project: its share is in the bias. For one that is not known, that of strangers."""
        layer = self.layer_of(project)
        share = layer.shares.get(project)
        if share is None:
            return layer
        bias = tuple(everyones + own for everyones, own in zip(layer.bias, share, strict=True))
        return replace(layer, bias=bias, shares={}, strangers=None)

    def layer_of(self, project: str) -> "Calibration":
        """The calibration that has a share of this project, or the one of those whom nobody knows.

        Strangers of a model may be known from corrections: then they have shares too, and strangers of their own.
        """
        return self if project in self.shares or self.strangers is None else self.strangers.layer_of(project)

    def answer(
        self, logits: NDArray[np.float64], projects: Sequence[str], *, active: Sequence[int] | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Probabilities [n, k] and the position of the answer [n] of reports of these projects [n]."""
        probabilities, chosen = np.zeros_like(logits), np.zeros(len(logits), np.int64)
        names, place = np.unique(np.asarray(projects, np.str_), return_inverse=True)
        for number, project in enumerate(names.tolist()):
            rows, calibration = place == number, self.of(project)
            probabilities[rows] = calibration.probabilities(logits[rows], active=active)
            chosen[rows] = calibration.choose(probabilities[rows])
        return probabilities, chosen

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
    logits: NDArray[np.float64], truth: NDArray[np.int64], weights: NDArray[np.float64], projects: Sequence[str] = ()
) -> Calibration:
    """The temperature, bias and shares of projects that give the held-out truth [n] the highest likelihood.

    How often a project's reports have a label is learned here, on reports that the model has not seen, and not by the
    model: there, words of unseen projects would lose their meaning (team, four trackers unseen: macro-F1 0.23 instead
    of 0.34; inside trackers both gain the same). A project's share is a random effect: few reports move it little.

    Args:
        logits: [n, k].
        truth: Positions of the labels.
        weights: What each row counts.
        projects: Of each row; empty for none.
    """
    n, k = logits.shape
    names, counts = np.unique(np.asarray(projects or [""] * n), return_counts=True)
    kept = [str(name) for name, count in zip(names, counts, strict=True) if name and count >= FEWEST_OF_PROJECT]
    place = {name: position for position, name in enumerate(kept)}
    row_project = np.asarray([place.get(project, len(kept)) for project in projects or [""] * n])
    share = weights / weights.sum()
    penalty = np.full(1 + k + len(kept) * k, BIAS_PENALTY)
    penalty[1 + k :] = PROJECT_PENALTY / weights.sum()

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        scaled = logits * np.exp(-parameters[0])
        effects = np.vstack([parameters[1 + k :].reshape(-1, k), np.zeros((1, k))])
        log_p = log_softmax(scaled + parameters[1 : 1 + k] + effects[row_project], axis=1)
        slope = np.exp(log_p) * share[:, None]
        slope[np.arange(n), truth] -= share
        by_project = np.zeros_like(effects)
        np.add.at(by_project, row_project, slope)
        gradient = np.concatenate([[-(slope * scaled).sum()], slope.sum(axis=0), by_project[:-1].ravel()])
        likelihood = float((share * log_p[np.arange(n), truth]).sum())
        return -likelihood + float((penalty * parameters**2).sum()), gradient + 2 * penalty * parameters

    from scipy.optimize import minimize  # noqa: PLC0415 - a fifth of the server's start, and needed to train only

    best = minimize(loss, np.zeros(len(penalty)), jac=True, method="L-BFGS-B", options={"maxiter": 1_000}).x
    temperature = float(np.exp(best[0]))
    bias = best[1 : 1 + k] - best[1 : 1 + k].mean()
    shares = {name: tuple(row.tolist()) for name, row in zip(kept, best[1 + k :].reshape(-1, k), strict=True)}
    return Calibration(temperature, tuple(bias.tolist()), (), shares=shares)


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


def fit_own_bar(decided: Sequence[tuple[float, bool]], *, promise: float) -> float | None:
    """From which probability on a machine is right as promised, by what people decided about its suggestions.

    Args:
        decided: The probability it had said, and whether people agreed.
        promise: The precision asked for.

    Returns:
        The lowest probability whose precision above, bounded from below, keeps the promise. Where none does: `NEVER`
        if even the upper bound of the surest half breaks it, else None: too few have spoken, whatever held before
        holds on.
    """
    sure = np.asarray([probability for probability, _ in decided])
    right = np.asarray([agreed for _, agreed in decided], bool)
    order = np.argsort(-sure, kind="stable")
    n_right = np.cumsum(right[order])
    kept = [rank for rank in range(1, len(order) + 1) if precision_bound(int(n_right[rank - 1]), rank) >= promise]
    if kept:
        return float(sure[order[kept[-1] - 1]])
    half = (len(order) + 1) // 2
    wrong = half - int(n_right[half - 1]) if half else 0
    return NEVER if half and precision_bound(wrong, half) > 1 - promise else None


def _candidates(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> list[tuple[float, float]]:
    """Thresholds after every `RANK_STEP` answers, surest first, each with the lower bound of the precision above it."""
    order = np.argsort(-confidence, kind="stable")
    n_right = np.cumsum(right[order])
    return [
        (float(confidence[order[rank - 1]]), precision_bound(int(n_right[rank - 1]), rank))
        for rank in range(RANK_STEP, len(order) + 1, RANK_STEP)
    ]
