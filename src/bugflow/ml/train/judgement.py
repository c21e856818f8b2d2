"""What a ranker of duplicates is worth: what it finds, and how often it is right where it says so."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from bugflow.ml.calibration import NEVER
from bugflow.ml.duplicates.pairs import COLUMNS
from bugflow.ml.duplicates.ranker import N_CONFIDENCE, Ranker, traits
from bugflow.ml.duplicates.search import PROMISE
from bugflow.ml.train.dataset import Index
from bugflow.ml.train.history import Pairs

SHOWN = 5  # candidates of a report whose probability is calibrated: more are not shown


def measure(ranker: Ranker, pairs: Pairs, marked: Index) -> dict[str, Any]:
    """What it is worth on reports it has not seen: recall of the order, and what is called likely over all reports."""
    rows, best = shown(ranker, pairs, n=1)
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


def shown(ranker: Ranker, pairs: Pairs, *, n: int = SHOWN) -> tuple[NDArray[np.float64], Index]:
    """Of each report's n best candidates the `traits`, float64 [c, N_CONFIDENCE], and the places."""
    scores = ranker.score(pairs.values)
    rows, places = [np.zeros((0, N_CONFIDENCE))], [np.zeros(0, np.int64)]
    for start, end in pairs.groups():
        best = np.argsort(-scores[start:end], kind="stable")[:n]
        rows.append(traits(scores[start:end], pairs.values[start:end])[best])
        places.append(best + start)
    return np.concatenate(rows), np.concatenate(places)


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
