"""Learn from pairs that people marked: how to order candidates, and how sure one may be."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from bugflow.errors import TooFewSamples
from bugflow.ml.calibration import NEVER
from bugflow.ml.duplicates.pairs import COLUMNS
from bugflow.ml.duplicates.ranker import Ranker, leads
from bugflow.ml.duplicates.search import PROMISE
from bugflow.ml.encoder import Encoder
from bugflow.ml.train.dataset import Index
from bugflow.ml.train.history import History, Pairs, collect_pairs, read_history

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
    tracker counting alike, so that the largest does not decide what a probability means.

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
    unsure = Ranker(name, encoder, scaler.mean_, scales, model.coef_[0], np.zeros(4), {}, {})
    shown = [shown_of(unsure, pairs) for pairs, _ in parts]
    found = np.concatenate([rows for rows, _, _ in shown])
    right = np.concatenate([right for _, right, _ in shown])
    weights = np.concatenate([weights / weights.sum() for _, _, weights in shown])
    sure = LogisticRegression(C=PENALTY, max_iter=1_000).fit(
        found[:, :-1], right, sample_weight=weights / weights.mean()
    )
    ranker = replace(unsure, confidence=np.concatenate([sure.coef_[0], sure.intercept_]))
    return replace(ranker, bars=fit_bars(ranker, parts))


def shown_of(ranker: Ranker, pairs: Pairs) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    """What probabilities are read from, whether people marked it, and weights: of each report's best candidates."""
    scores = ranker.score(pairs.values)
    rows, places = [np.zeros((0, 4))], [np.zeros(0, np.int64)]
    for start, end in pairs.groups():
        best = np.argsort(-scores[start:end], kind="stable")[:SHOWN]
        rows.append(leads(scores[start:end])[best])
        places.append(best + start)
    place = np.concatenate(places)
    return np.concatenate(rows), pairs.same[place], pairs.weights[place]


def train_ranker(paths: Sequence[Path], *, name: str, encoder: Encoder, progress: Callable[[str], None]) -> Ranker:
    """Read trackers, train on the earlier part of each, measure on the later.

    Raises:
        InvalidFile: A file cannot be used.
        TooFewSamples: Too few duplicates were marked.
    """
    earlier: list[tuple[Pairs, Index]] = []
    later: list[tuple[str, Pairs, Index]] = []
    for path in paths:
        history = read_history(path, encoder, progress=progress)
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


def fit_bars(ranker: Ranker, parts: Sequence[tuple[Pairs, Index]]) -> dict[float, float]:
    """By promise the least probability above which so many were marked, over all reports, every tracker alike.

    What nobody marked counts as wrong, though some of it does say the same: the promise is kept more than it seems.
    """
    tops = [best_of(ranker, pairs) for pairs, _ in parts]
    sure = np.concatenate([sure for sure, _, _ in tops])
    right = np.concatenate([right for _, right, _ in tops])
    weights = np.concatenate([weights / weights.sum() for _, _, weights in tops])
    order = np.argsort(-sure, kind="stable")
    precision = np.cumsum((weights * right)[order]) / np.maximum(np.cumsum(weights[order]), 1e-12)
    bars = {}
    for promise in PROMISED:
        kept = np.flatnonzero((precision >= promise) & (sure[order] >= LEAST_LIKELY))
        bars[promise] = float(sure[order][kept[-1]]) if len(kept) else NEVER
    return bars


def best_of(ranker: Ranker, pairs: Pairs) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    """Of each report's most probable candidate: its probability, whether people marked it, the report's weight."""
    scores = ranker.score(pairs.values)
    best = [start + int(scores[start:end].argmax()) for start, end in pairs.groups()]
    sure = [float(ranker.probabilities(scores[start:end]).max()) for start, end in pairs.groups()]
    return np.asarray(sure), pairs.same[best], pairs.weights[best]


def measure(ranker: Ranker, pairs: Pairs, marked: Index) -> dict[str, Any]:
    """What it is worth on reports it has not seen: recall of the order, and what is called likely over all reports."""
    sure, right, weights = best_of(ranker, pairs)
    likely = sure >= ranker.bar(PROMISE)
    flagged, rightly = float(weights[likely].sum()), float((weights * right)[likely].sum())
    return {
        "n_queries": len(marked),
        "n_reports": round(float(weights.sum())),
        **recalls(ranker.score(pairs.values), pairs, marked),
        "likely_precision": round(rightly / flagged, 4) if flagged else None,
        "likely_recall": round(rightly / max(len(marked), 1), 4),
        "calibration_error": round(calibration_error(sure, right, weights), 4),
    }


def calibration_error(
    sure: NDArray[np.float64], right: NDArray[np.bool_], weights: NDArray[np.float64], *, n_bins: int = 10
) -> float:
    """Expected calibration error over bins of equal width, reports weighted."""
    bins = np.minimum((sure * n_bins).astype(np.int64), n_bins - 1)
    gaps = np.bincount(bins, weights=weights * (sure - right), minlength=n_bins)
    return float(np.abs(gaps).sum() / weights.sum())


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
        "| tracker, later 40 % | queries | R@1 | R@5 | R@10 | MRR | likely: precision | recall | calibration error |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, row in ranker.report["trackers"].items():
        precision = "-" if row["likely_precision"] is None else f"{row['likely_precision']:.2f}"
        lines.append(
            f"| {name} | {row['n_queries']:,} | {row['r_at_1']:.3f} | {row['r_at_5']:.3f} | {row['r_at_10']:.3f} | "
            f"{row['mrr']:.3f} | {precision} | {row['likely_recall']:.3f} | {row['calibration_error']:.3f} |"
        )
    bars = ", ".join(
        f"{promise:.0%}: {'never' if bar == NEVER else f'{bar:.3f}'}" for promise, bar in ranker.bars.items()
    )
    lines += [
        "",
        f"Least probability called likely, by promise: {bars}.",
        "",
        "Precision counts what nobody marked as wrong. Trackers hold clones, the same request for two platforms, and "
        "duplicates that nobody marked; how many is not known.",
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
