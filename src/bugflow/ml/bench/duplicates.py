"""Track `duplicates`: is the earlier report that a duplicate repeats found, and what is called likely?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from bugflow.errors import InvalidFile, TooFewSamples
from bugflow.ml.bench.bench import Bench
from bugflow.ml.bench.tables import Table
from bugflow.ml.duplicates.postings import K1, B
from bugflow.ml.duplicates.search import prose_of
from bugflow.ml.encoder import Encoder
from bugflow.ml.features import split_words
from bugflow.ml.reports import to_texts
from bugflow.ml.text import clean
from bugflow.ml.train.dataset import Index
from bugflow.ml.train.history import History, Pairs, read_history
from bugflow.ml.train.judgement import judge, measure, recalls
from bugflow.ml.train.pairs import Split, collect, fit_ranker, split_history
from bugflow.ml.train.readings import read_verdicts

FEWEST_QUERIES = 100  # of a tracker in the table: R@10 of fewer moves by more than its confidence interval is worth
FUSION = 60  # constant of reciprocal rank fusion (Cormack et al. 2009)
RULE = 0.85  # the requirements document: cosine from here on is a duplicate
LONG_WORD = 4  # letters; shorter ones are mostly "in", "the", "not"
TITLE = 3  # times that a title counts in BM25F
MINILM = "MiniLM"
HOUSE, STRANGER = "**BugFlow**", "BugFlow, trained on the other trackers only"

Scores = Callable[[int], NDArray[np.float64]]
"""The score of every report before the one at a position, float64 [position]."""

_COLUMNS = {
    "tracker": "tracker", "name": "", "n_queries": "queries", "r_at_1": "R@1", "r_at_5": "R@5", "r_at_10": "R@10",
    "mrr": "MRR", "r_at_10_dissimilar": "R@10 where the titles share no word",
}  # fmt: skip
_LIKELY = {
    "tracker": "tracker", "name": "", "n_reports": "reports", "rate": "marked duplicates among them",
    "likely_share": "called likely", "likely_precision": "precision", "n_read": "of the rest, read",
    "precision_after_reading": "precision after that", "likely_recall": "recall",
    "calibration_error": "calibration error",
}  # fmt: skip
_NOTES = (
    "A query is a report closed as a duplicate of an earlier one, of the later 40 % of each tracker's. Candidates are "
    "all reports filed before it. Found is any that people marked as the same, directly or by others.",
    "BugFlow's ranker is trained on the earlier 60 % of all these trackers; the row below it has not seen this one.",
    "The peers see the same cleaned texts. Lengths and rarities for TF-IDF and BM25F are of all of a tracker's "
    "reports, later ones too, which favours them a little.",
)
_LIKELY_NOTES = (
    "Over a sample of all later reports at their natural rate, not only over duplicates. What nobody marked counts as "
    "wrong: trackers hold clones, the same request for two platforms, and duplicates that nobody marked.",
    "A sample of such pairs was read, by a language model, once each, blind to scores and to what people marked "
    "(`benchmarks/duplicates_read.csv`); of the pairs that people had marked it called five in six the same. Precision "
    "after that counts the share of the sample that is the same as right. The ranker learned from the earlier part of "
    "the sample, the figures are of the later.",
)


@dataclass(frozen=True, slots=True)
class _Tracker:
    history: History
    split: Split
    earlier: Pairs
    later: Pairs
    encoder: Encoder
    peer_encoder: Encoder


def measure_duplicates(bench: Bench) -> list[Table]:
    """Each tracker with enough marked duplicates."""
    with bench.trackers_for(bench.limit) as files:
        trackers = [found for path in files if (found := _prepare(bench, path)) is not None]
        rows: list[dict[str, Any]] = []
        sure: list[dict[str, Any]] = []
        for tracker in trackers:
            name = tracker.history.name
            bench.tell(f"{name}: peers")
            rows += _peers(tracker)
            for kind, parts in ((HOUSE, trackers), (STRANGER, [one for one in trackers if one is not tracker])):
                try:
                    ranker = fit_ranker([(one.earlier, one.split.earlier) for one in parts], name=kind, encoder="")
                except (TooFewSamples, ValueError):
                    continue  # a single tracker leaves nothing to train on
                scores = ranker.score(tracker.later.values)
                rows.append({"tracker": name, "name": kind, **_recalls(tracker, scores)})
                measured = measure(ranker, tracker.later, tracker.split.later)
                sure.append({"tracker": name, "name": kind, **_likely(measured)})
            reader = MINILM if tracker.encoder.name == tracker.peer_encoder.name else tracker.encoder.name
            sure.append({"tracker": name, "name": f"{reader} cosine from {RULE}", **_rule(tracker)})
    split = "by time inside each tracker, at the 60 % oldest of its marked duplicates"
    return [
        Table("duplicates: is the earlier report found?", split, _COLUMNS, rows, _NOTES),
        Table("duplicates: what is called likely", split, _LIKELY, sure, _LIKELY_NOTES),
    ]


def _prepare(bench: Bench, path: Path) -> _Tracker | None:
    said, encoder = read_verdicts(bench.verdicts) if bench.verdicts else {}, bench.encoder()
    try:
        history = read_history(path, encoder, verdicts=said.get(path.stem, {}), progress=bench.tell)
    except InvalidFile:
        return None  # undated, or without marks
    split = split_history(history)
    if len(split.later) < (FEWEST_QUERIES if bench.limit is None else 1):
        return None
    bench.tell(f"{history.name}: {len(split.earlier) + len(split.later):,} marked duplicates")
    d = encoder.n_dimensions
    earlier = collect(history, split.earlier, split.earlier_others, weight=split.others_weights[0], n_dimensions=d)
    later = collect(history, split.later, split.later_others, weight=split.others_weights[1], n_dimensions=d)
    return _Tracker(history, split, earlier, later, encoder, bench.peer_encoder())


def _recalls(tracker: _Tracker, scores: NDArray[np.float64]) -> dict[str, Any]:
    dissimilar = np.asarray(
        [row for row in tracker.split.later.tolist() if not _shares_a_title_word(tracker.history, row)]
    )
    far = recalls(scores, tracker.later, dissimilar)["r_at_10"] if len(dissimilar) else None
    measured = recalls(scores, tracker.later, tracker.split.later)
    return {"n_queries": len(tracker.split.later), **measured, "r_at_10_dissimilar": far}


def _likely(measured: Mapping[str, Any]) -> dict[str, Any]:
    rate = round(measured["n_queries"] / max(measured["n_reports"], 1), 4)
    return {**{name: value for name, value in measured.items() if name in _LIKELY}, "rate": rate}


def _rule(tracker: _Tracker) -> dict[str, Any]:
    """The document's rule on the same reports: the most similar earlier one, if its cosine is high enough."""
    pairs, marked = tracker.later, tracker.split.later
    best = [start + int(pairs.values[start:end, 0].argmax()) for start, end in pairs.groups()]
    n_reports = float(pairs.weights[best].sum())
    found = judge(pairs, np.asarray(best), likely=pairs.values[best, 0] >= RULE, n_marked=len(marked))
    rate = round(len(marked) / max(n_reports, 1), 4)
    unread = {"n_read": None, "precision_after_reading": None}  # the sample was drawn from what BugFlow found
    return {"n_reports": round(n_reports), "rate": rate, **found, **unread, "calibration_error": None}


def _peers(tracker: _Tracker) -> list[dict[str, Any]]:
    corpus = tracker.history.corpus
    cleaned = [clean(text) for text in to_texts(corpus.rows)]
    titles = [text.title for text in cleaned]
    bodies = [f"{text.description}\n{text.code}" for text in cleaned]
    words, meaning = _bm25f(titles, bodies), _cosine(tracker.peer_encoder.encode([prose_of(text) for text in cleaned]))
    peers: dict[str, Scores] = {
        "TF-IDF": _tfidf([f"{title}\n{body}" for title, body in zip(titles, bodies, strict=True)]),
        "BM25F (title x3)": words,
        f"{MINILM} cosine": meaning,
        "fusion of BM25F and MiniLM": lambda row: _reciprocal(words(row)) + _reciprocal(meaning(row)),
    }
    if tracker.encoder.name != tracker.peer_encoder.name:
        own = np.asarray([bug.vector for bug in corpus.bugs], np.float32)
        peers[f"{tracker.encoder.name} cosine"] = _cosine(own)
    rows = []
    for name, score in peers.items():
        ranks = np.asarray([_rank(tracker.history, row, score(row)) for row in tracker.split.later.tolist()])
        far = np.asarray([not _shares_a_title_word(tracker.history, row) for row in tracker.split.later.tolist()])
        at = {f"r_at_{k}": round(float((ranks < k).mean()), 4) for k in (1, 5, 10)}
        rows.append(
            {
                "tracker": tracker.history.name,
                "name": name,
                "n_queries": len(ranks),
                **at,
                "mrr": round(float((1 / (1 + ranks)).mean()), 4),
                "r_at_10_dissimilar": round(float((ranks[far] < 10).mean()), 4) if far.any() else None,
            }
        )
    return rows


def _rank(history: History, row: int, scores: NDArray[np.float64]) -> float:
    """From 0; of the best of those that say the same, ties broken against it."""
    same = np.flatnonzero(history.clusters[:row] == history.clusters[row])
    return float((scores >= scores[same].max()).sum() - 1)


def _tfidf(texts: list[str]) -> Scores:
    rows = TfidfVectorizer(sublinear_tf=True, dtype=np.float32).fit_transform(texts).tocsr()
    return lambda row: np.asarray((rows[:row] @ rows[row].T).todense(), np.float64).ravel()


def _bm25f(titles: list[str], bodies: list[str]) -> Scores:
    counter = CountVectorizer(dtype=np.float32).fit([*titles, *bodies])
    asked = (counter.transform(titles) + counter.transform(bodies)).tocsr()
    counts = (TITLE * counter.transform(titles) + counter.transform(bodies)).tocsr()
    n = counts.shape[0]
    lengths = np.asarray(counts.sum(axis=1)).ravel()
    held = np.bincount(counts.indices, minlength=counts.shape[1])
    rarity = np.log1p((n - held + 0.5) / (held + 0.5))
    norm = K1 * (1 - B + B * lengths / lengths.mean())
    weighed = counts.copy()
    weighed.data = weighed.data * (K1 + 1) / (weighed.data + np.repeat(norm, np.diff(counts.indptr)))
    weighed = (weighed @ sp.diags(rarity)).tocsr()
    asked.data[:] = 1.0
    return lambda row: np.asarray((weighed[:row] @ asked[row].T).todense(), np.float64).ravel()


def _cosine(vectors: NDArray[np.float32]) -> Scores:
    return lambda row: (vectors[:row] @ vectors[row]).astype(np.float64)


def _reciprocal(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    ranks = np.empty(len(scores))
    ranks[np.argsort(-scores, kind="stable")] = np.arange(len(scores))
    return 1 / (FUSION + 1 + ranks)


def _shares_a_title_word(history: History, row: int) -> bool:
    """Whether its title has a word with the title of one that it repeats in common."""
    titles: pl.Series = history.corpus.rows["title"]
    same: Index = np.flatnonzero(history.clusters[:row] == history.clusters[row])
    return any(_title_words(titles[row]) & _title_words(titles[int(other)]) for other in same)


def _title_words(title: str) -> set[str]:
    return {word for word in split_words(title) if len(word) >= LONG_WORD}
