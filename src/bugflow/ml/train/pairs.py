"""Learn from pairs that people marked: how to order candidates, and how sure one may be."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from bugflow.errors import TooFewSamples
from bugflow.ml.calibration import NEVER
from bugflow.ml.duplicates.ranker import N_CONFIDENCE, Ranker
from bugflow.ml.encoder import Encoder
from bugflow.ml.train.dataset import Index
from bugflow.ml.train.history import History, Pairs, collect_pairs, read_history
from bugflow.ml.train.judgement import measure, shown, write_card
from bugflow.ml.train.readings import Verdicts

EARLIER = 0.6  # share of a tracker's duplicates, the oldest, that is trained on
SETTLED = 200  # reports, or a tenth of a small tracker, before the first other query: there is little to find yet
MOST_OTHERS = 3_000  # reports of a tracker that repeat nothing; the others are stood for by these
PROMISED = (0.80, 0.90, 0.95)  # what a bar is measured for
LEAST_LIKELY = 0.5  # nothing is called likely that is more probably something else
FEWEST = 20  # marked duplicates that it takes
PENALTY = 1.0  # inverse strength of the L2 penalty; 0.1 to 10 order alike: 25 weights and thousands of pairs
SEED = 0


@dataclass(frozen=True, slots=True)
class Split:
    """Which reports of one tracker are searched for.

    Attributes:
        earlier, later: Positions of reports closed as a duplicate of an earlier one: the older share, and the rest.
        earlier_others, later_others: A sample of the other reports of the same months.
        others_weights: How many reports one of each of the two samples stands for.
    """

    earlier: Index
    later: Index
    earlier_others: Index
    later_others: Index
    others_weights: tuple[float, float]


def split_history(history: History, *, most_others: int = MOST_OTHERS) -> Split:
    """Cut a tracker in time where the earlier share of its marked duplicates ends."""
    queries = history.queries()
    cut = int(EARLIER * len(queries))
    boundary = int(queries[cut]) if cut < len(queries) else history.n
    others = np.setdiff1d(np.arange(min(SETTLED, history.n // 10), history.n), queries)
    drawn, weights = [], []
    for part in (others[others < boundary], others[others >= boundary]):
        sample = np.sort(np.random.default_rng(SEED).permutation(part)[:most_others])
        drawn.append(sample)
        weights.append(len(part) / max(len(sample), 1))
    return Split(queries[:cut], queries[cut:], drawn[0], drawn[1], (weights[0], weights[1]))


def collect(history: History, marked: Index, others: Index, *, weight: float, n_dimensions: int) -> Pairs:
    """The candidates of marked duplicates and of other reports, each of which stands for `weight` such."""
    queries = np.concatenate([marked, others])
    weights = np.concatenate([np.ones(len(marked)), np.full(len(others), weight)])
    return collect_pairs(history, queries, weight=weights, n_dimensions=n_dimensions)


def fit_ranker(parts: Sequence[tuple[Pairs, Index]], *, name: str, encoder: str) -> Ranker:
    """Fit on the candidates of some trackers.

    The order is learned from reports that do repeat one; the probability from all reports at their natural rate, every
    tracker counting alike, so that the largest does not decide what a probability means. What nobody marked is no
    proof that two reports differ: where somebody has read a sample of such pairs, the others count as their likes do.

    Args:
        parts: For each tracker its pairs, and which of its reports were marked as duplicates.

    Raises:
        TooFewSamples: There are fewer than `FEWEST` marked duplicates whose earlier report was found.
    """
    values = np.concatenate([pairs.values[np.isin(pairs.queries, marked)] for pairs, marked in parts])
    same = np.concatenate([pairs.same[np.isin(pairs.queries, marked)] for pairs, marked in parts])
    if same.sum() < FEWEST or same.all():
        reason = f"it takes {FEWEST} reports closed as a duplicate of an earlier one; found: {int(same.sum())}."
        raise TooFewSamples(task="duplicates", reason=reason)
    scaler = StandardScaler().fit(values)
    model = LogisticRegression(C=PENALTY, max_iter=1_000).fit(scaler.transform(values), same)
    scales = np.where(scaler.scale_ > 0, scaler.scale_, 1.0)
    unsure = Ranker(name, encoder, scaler.mean_, scales, model.coef_[0], np.zeros(N_CONFIDENCE), {}, {})
    unmarked = _fit_unmarked(unsure, [pairs for pairs, _ in parts])
    tops = [shown(unsure, pairs) for pairs, _ in parts]
    found = np.concatenate([rows for rows, _ in tops])
    right = np.concatenate(
        [believe(unmarked, pairs, place, rows) for (pairs, _), (rows, place) in zip(parts, tops, strict=True)]
    )
    weights = np.concatenate([_alike(pairs.weights[place]) for (pairs, _), (_, place) in zip(parts, tops, strict=True)])
    ranker = replace(unsure, confidence=_regress(found, right, weights))
    return replace(ranker, bars=fit_bars(ranker, [pairs for pairs, _ in parts], unmarked))


def _fit_unmarked(ranker: Ranker, parts: Sequence[Pairs]) -> NDArray[np.float64] | None:
    """What says how probable it is that two reports say the same though nobody marked them, from those that were read.

    Returns:
        float64 [N_CONFIDENCE], as `Ranker.confidence`; None where too few were read.
    """
    rows, said, weights = [], [], []
    for pairs in parts:
        found, place = shown(ranker, pairs)
        read = ~pairs.same[place] & ~np.isnan(pairs.said[place]) & (pairs.stands_for[place] > 0)
        if read.any():
            rows.append(found[read])
            said.append(pairs.said[place][read])
            weights.append(_alike(pairs.stands_for[place][read]))
    if sum(map(len, said)) < FEWEST or len(np.unique(np.concatenate(said))) < 2:
        return None
    return _regress(np.concatenate(rows), np.concatenate(said), np.concatenate(weights))


def believe(
    unmarked: NDArray[np.float64] | None, pairs: Pairs, place: Index, rows: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How far the pairs at some places say the same, float64 [n] in [0, 1].

    Marked: 1. Read: what the reader said. Else, if `unmarked` is known, what it says of their `traits`; else 0.
    """
    others = np.zeros(len(place)) if unmarked is None else expit(rows @ unmarked)
    said = pairs.said[place]
    return np.asarray(np.where(pairs.same[place], 1.0, np.where(np.isnan(said), others, said)), np.float64)


def _alike(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights that add up to 1: every tracker counts alike."""
    return np.asarray(weights / weights.sum(), np.float64)


def _regress(
    rows: NDArray[np.float64], right: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Logistic regression [d] on rows [n, d], the last of which is 1, where `right` [n] may lie between 0 and 1."""
    twice, truth = np.concatenate([rows, rows]), np.repeat([1, 0], len(rows))
    counts = np.concatenate([weights * right, weights * (1 - right)])
    model = LogisticRegression(C=PENALTY, max_iter=1_000)
    model.fit(
        twice[:, :-1][counts > 0], truth[counts > 0], sample_weight=counts[counts > 0] * len(rows) / weights.sum()
    )
    return np.append(model.coef_[0], model.intercept_)


def train_ranker(
    paths: Sequence[Path],
    *,
    name: str,
    encoder: Encoder,
    verdicts: Mapping[str, Verdicts] = MappingProxyType({}),
    progress: Callable[[str], None],
) -> Ranker:
    """Read trackers, train on the earlier part of each, measure on the later.

    Args:
        paths: Files, one a tracker.
        name: Of the ranker.
        encoder: Makes the vectors.
        verdicts: What somebody said who read pairs that nobody marked, by tracker.
        progress: Is told each step.

    Raises:
        InvalidFile: A file cannot be used.
        TooFewSamples: Too few duplicates were marked.
    """
    earlier: list[tuple[Pairs, Index]] = []
    later: list[tuple[str, Pairs, Index]] = []
    for path in paths:
        history = read_history(path, encoder, verdicts=verdicts.get(path.stem, {}), progress=progress)
        split = split_history(history)
        progress(f"{path.name}: {len(split.earlier):,} duplicates to learn from, {len(split.later):,} to test")
        weights, n = split.others_weights, encoder.n_dimensions
        known = collect(history, split.earlier, split.earlier_others, weight=weights[0], n_dimensions=n)
        earlier.append((known, split.earlier))
        tested = collect(history, split.later, split.later_others, weight=weights[1], n_dimensions=n)
        later.append((history.name, tested, split.later))
    ranker = fit_ranker(earlier, name=name, encoder=encoder.name)
    trackers = {tracker: measure(ranker, pairs, marked) for tracker, pairs, marked in later}
    report = {"n_pairs": sum(len(pairs.same) for pairs, _ in earlier), "trackers": trackers}
    ranker = replace(ranker, report=report)
    return replace(ranker, card=write_card(ranker))


def fit_bars(ranker: Ranker, parts: Sequence[Pairs], unmarked: NDArray[np.float64] | None = None) -> dict[float, float]:
    """By promise the least probability above which so many are right, over all reports, every tracker alike.

    `unmarked` as in `believe`; without it what nobody marked counts as wrong.
    """
    tops = [shown(ranker, pairs, n=1) for pairs in parts]
    sure = expit(np.concatenate([rows for rows, _ in tops]) @ ranker.confidence)
    right = np.concatenate(
        [believe(unmarked, pairs, place, rows) for pairs, (rows, place) in zip(parts, tops, strict=True)]
    )
    weights = np.concatenate([_alike(pairs.weights[place]) for pairs, (_, place) in zip(parts, tops, strict=True)])
    order = np.argsort(-sure, kind="stable")
    precision = np.cumsum((weights * right)[order]) / np.maximum(np.cumsum(weights[order]), 1e-12)
    bars = {}
    for promise in PROMISED:
        kept = np.flatnonzero((precision >= promise) & (sure[order] >= LEAST_LIKELY))
        bars[promise] = float(sure[order][kept[-1]]) if len(kept) else NEVER
    return bars
