"""Learn from pairs that people marked: how to order candidates, and how sure one may be."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from bugflow.errors import TooFewSamples
from bugflow.ml.calibration import NEVER
from bugflow.ml.duplicates.pairs import COLUMNS
from bugflow.ml.duplicates.ranker import N_CONFIDENCE, Ranker, traits
from bugflow.ml.duplicates.search import PROMISE
from bugflow.ml.encoder import Encoder
from bugflow.ml.train.dataset import Index
from bugflow.ml.train.history import History, Pairs, collect_pairs, read_history
from bugflow.ml.train.readings import Verdicts

EARLIER = 0.6  # share of a tracker's duplicates, the oldest, that is trained on
SETTLED = 200  # reports, or a tenth of a small tracker, before the first other query: there is little to find yet
MOST_OTHERS = 3_000  # reports of a tracker that repeat nothing; the others are stood for by these
SHOWN = 5  # candidates of a report whose probability is calibrated: more are not shown
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
    shown = [_shown(unsure, pairs) for pairs, _ in parts]
    found = np.concatenate([rows for rows, _ in shown])
    right = np.concatenate(
        [believe(unmarked, pairs, place, rows) for (pairs, _), (rows, place) in zip(parts, shown, strict=True)]
    )
    weights = np.concatenate(
        [_alike(pairs.weights[place]) for (pairs, _), (_, place) in zip(parts, shown, strict=True)]
    )
    ranker = replace(unsure, confidence=_regress(found, right, weights))
    return replace(ranker, bars=fit_bars(ranker, [pairs for pairs, _ in parts], unmarked))


def _fit_unmarked(ranker: Ranker, parts: Sequence[Pairs]) -> NDArray[np.float64] | None:
    """What says how probable it is that two reports say the same though nobody marked them, from those that were read.

    Returns:
        float64 [N_CONFIDENCE], as `Ranker.confidence`; None where too few were read.
    """
    rows, said, weights = [], [], []
    for pairs in parts:
        found, place = _shown(ranker, pairs)
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


def _shown(ranker: Ranker, pairs: Pairs, *, n: int = SHOWN) -> tuple[NDArray[np.float64], Index]:
    """Of each report's n best candidates the `traits`, float64 [c, N_CONFIDENCE], and the places."""
    scores = ranker.score(pairs.values)
    rows, places = [np.zeros((0, N_CONFIDENCE))], [np.zeros(0, np.int64)]
    for start, end in pairs.groups():
        best = np.argsort(-scores[start:end], kind="stable")[:n]
        rows.append(traits(scores[start:end], pairs.values[start:end])[best])
        places.append(best + start)
    return np.concatenate(rows), np.concatenate(places)


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
    tops = [_shown(ranker, pairs, n=1) for pairs in parts]
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


def measure(ranker: Ranker, pairs: Pairs, marked: Index) -> dict[str, Any]:
    """What it is worth on reports it has not seen: recall of the order, and what is called likely over all reports."""
    rows, best = _shown(ranker, pairs, n=1)
    sure = expit(rows @ ranker.confidence)
    return {
        "n_queries": len(marked),
        "n_reports": round(float(pairs.weights[best].sum())),
        **recalls(ranker.score(pairs.values), pairs, marked),
        **judge(pairs, best, likely=sure >= ranker.bar(PROMISE), n_marked=len(marked)),
        "calibration_error": round(calibration_error(sure, pairs, best), 4),
    }


def judge(pairs: Pairs, best: Index, *, likely: NDArray[np.bool_], n_marked: int) -> dict[str, Any]:
    """Precision and recall of what was called likely among the best candidates of all reports.

    Once with what nobody marked as wrong, and once with the share of it that is the same by those that were read.
    """
    found = _judge(pairs, best[likely])
    known = found.total > 0 and (found.n_read > 0 or found.rightly == found.total)
    return {
        "likely_share": round(found.total / max(float(pairs.weights[best].sum()), 1), 4),
        "likely_precision": round(found.rightly / found.total, 4) if found.total else None,
        "likely_recall": round(found.rightly / max(n_marked, 1), 4),
        "n_read": found.n_read,
        "precision_after_reading": round((found.rightly + found.unmarked_rightly) / found.total, 4) if known else None,
    }


def calibration_error(sure: NDArray[np.float64], pairs: Pairs, best: Index, *, n_bins: int = 10) -> float:
    """Expected calibration error over bins of equal width, reports weighted; what was read counts as in `judge`.

    Where none of a bin was read, what nobody marked counts as wrong.
    """
    bins, weights = np.minimum((sure * n_bins).astype(np.int64), n_bins - 1), pairs.weights[best]
    gaps = 0.0
    for number in range(n_bins):
        inside = bins == number
        judged = _judge(pairs, best[inside])
        gaps += abs(float((weights * sure)[inside].sum()) - judged.rightly - judged.unmarked_rightly)
    return gaps / float(weights.sum())


@dataclass(frozen=True, slots=True)
class _Judged:
    """Of some candidates: their weight, what of it people marked, what of the rest is the same by n that were read."""

    total: float
    rightly: float
    unmarked_rightly: float
    n_read: int


def _judge(pairs: Pairs, best: Index) -> _Judged:
    right, weights = pairs.same[best], pairs.weights[best]
    total, rightly = float(weights.sum()), float(weights[right].sum())
    read = ~right & ~np.isnan(pairs.said[best]) & (pairs.stands_for[best] > 0)
    stands_for, said = pairs.stands_for[best][read], pairs.said[best][read]
    unmarked = total - rightly
    share = float((stands_for * said).sum()) / max(float(stands_for.sum()), unmarked, 1e-9)
    return _Judged(total, rightly, unmarked * share, int(read.sum()))


def write_card(ranker: Ranker) -> str:
    """What the ranker is, for people."""
    lines = [
        f"# {ranker.name}",
        "",
        "Orders the candidates that a search by words (BM25) and by meaning brings, and says how probable it is that a "
        f"report repeats each. A logistic regression over {len(COLUMNS)} columns of a pair, none of which reads ids or "
        "labels; trained on what trackers closed as duplicates, the earlier 60 % of each.",
        "",
        f"Vectors: `{ranker.encoder}`. Candidates are the reports filed before the query and no others.",
        "",
        "| tracker, later 40 % | queries | R@1 | R@5 | R@10 | MRR | likely: precision | after reading | recall | "
        "calibration error |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, row in ranker.report["trackers"].items():
        raw, read = (
            "-" if row[name] is None else f"{row[name]:.2f}" for name in ("likely_precision", "precision_after_reading")
        )
        lines.append(
            f"| {name} | {row['n_queries']:,} | {row['r_at_1']:.3f} | {row['r_at_5']:.3f} | {row['r_at_10']:.3f} | "
            f"{row['mrr']:.3f} | {raw} | {read} | {row['likely_recall']:.3f} | {row['calibration_error']:.3f} |"
        )
    bars = ", ".join(
        f"{promise:.0%}: {'never' if bar == NEVER else f'{bar:.3f}'}" for promise, bar in ranker.bars.items()
    )
    lines += [
        "",
        f"Least probability called likely, by promise: {bars}.",
        "",
        "Precision counts what nobody marked as wrong, though trackers hold clones and duplicates that nobody marked. "
        "Beside it stands the one after reading a sample of such pairs; the calibration error is over those that were "
        "marked or read.",
        "",
    ]
    return "\n".join(lines)


def recalls(scores: NDArray[np.float64], pairs: Pairs, marked: Index) -> dict[str, float]:
    """R@1, R@5, R@10 and mean reciprocal rank of the first candidate that says the same, over the marked reports."""
    ranks = dict.fromkeys(marked.tolist(), np.inf)
    for start, end in pairs.groups():
        row = int(pairs.queries[start])
        if row in ranks:
            order = np.argsort(-scores[start:end], kind="stable")
            right = np.flatnonzero(pairs.same[start:end][order])
            ranks[row] = float(right[0]) if len(right) else np.inf
    found = np.asarray([*ranks.values()])
    if not len(found):
        return {"r_at_1": 0.0, "r_at_5": 0.0, "r_at_10": 0.0, "mrr": 0.0}
    at = {f"r_at_{k}": round(float((found < k).mean()), 4) for k in (1, 5, 10)}
    return {**at, "mrr": round(float((1 / (1 + found)).mean()), 4)}
