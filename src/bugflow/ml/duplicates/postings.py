"""Search by words: BM25 over title, description and code, the title counted three times.

Robertson and Zaragoza, "The Probabilistic Relevance Framework" (2009), chapter 3.5: in BM25F the occurrences of a word
in all parts are added up, weighted by part, before they are damped. Lengths are measured against a fixed usual length
instead of the present average, so that what a word adds to a bug never changes: two processes that took up the same
bugs in another order give the same scores.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

from bugflow.ml.duplicates.words import PROSE, WORD_BITS, WORD_MASK, Entries, join

K1, B = 1.2, 0.75  # the usual values; not tuned
PART_WEIGHTS = np.asarray([3.0, 1.0, 1.0], np.float32)  # title, description, code
USUAL_LENGTH = 130.0  # of a report, weighted; every tenth of four trackers: 93 (jquery) to 173 (xamarin), mean 143
_PART, _OWNER, _WORD = np.uint64(8), np.uint64(10), np.uint64(34)  # bits below each; lowest, the count
MOST_OWNERS = np.uint64(2**24)
GROWTH = 4  # a segment joins the one before it when that is less than so many times larger


@dataclass(frozen=True, slots=True)
class Prose:
    """The searched words of d bugs in a row.

    Attributes:
        words: uint32 [entries], rising; hashes without the part.
        owners: int32 [entries], rising for each word; which of the d bugs.
        counts: float32 [entries]; occurrences, weighted by part.
    """

    words: NDArray[np.uint32]
    owners: NDArray[np.int32]
    counts: NDArray[np.float32]


def gather_prose(rows: Sequence[Entries]) -> Prose:
    """The words of some bugs, at most `MOST_OWNERS`, those of several parts added up."""
    owners = np.repeat(np.arange(len(rows), dtype=np.uint64), [len(row) for row in rows])
    entries = join(rows)
    part = entries["key"] >> np.uint32(WORD_BITS)
    words = (entries["key"] & WORD_MASK).astype(np.uint64)
    # All in one number, as plain numbers are sorted five times as fast as anything is by them.
    packed = (words << _WORD) | (owners << _OWNER) | (part.astype(np.uint64) << _PART) | entries["count"]
    packed = np.sort(packed[part < len(PROSE)])
    starts = _starts(packed >> _OWNER)
    weighted = (packed & np.uint64(0xFF)) * PART_WEIGHTS[(packed >> _PART) & np.uint64(0x3)]
    counts = np.add.reduceat(weighted, starts[:-1]) if len(packed) else np.zeros(0)
    packed = packed[starts[:-1]]
    places = ((packed >> _OWNER) % MOST_OWNERS).astype(np.int32)
    return Prose((packed >> _WORD).astype(np.uint32), places, counts.astype(np.float32))


def _starts(rising: NDArray[np.unsignedinteger]) -> NDArray[np.int64]:
    """Where each value begins, and the end; of no values the end alone."""
    return np.flatnonzero(np.r_[True, rising[1:] != rising[:-1], True][len(rising) == 0 :])


def damp(counts: NDArray[np.float32], lengths: NDArray[np.float32]) -> NDArray[np.float32]:
    """What an occurrence adds before it is weighed by rarity: in (0, K1 + 1)."""
    norms = K1 * (1 - B + B * lengths / USUAL_LENGTH)
    return (counts * (K1 + 1) / (counts + norms)).astype(np.float32)


def measure(prose: Prose, *, n: int) -> NDArray[np.float32]:
    """Weighted length of each of n bugs, float32 [n]."""
    return np.bincount(prose.owners, weights=prose.counts, minlength=n).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Segment:
    """Some bugs, by word.

    Attributes:
        first: Position of the first of them in the whole index.
        n: Number of bugs.
        words: uint32 [t], rising.
        starts: int64 [t + 1]; word i occurs in the bugs `places[starts[i]:starts[i + 1]]`.
        places: int32 [entries]; position among these bugs.
        impacts: float32 [entries]; what the word adds to that bug, before rarity.
    """

    first: int
    n: int
    words: NDArray[np.uint32]
    starts: NDArray[np.int64]
    places: NDArray[np.int32]
    impacts: NDArray[np.float32]

    @staticmethod
    def of(rows: Sequence[Entries], *, first: int) -> "Segment":
        """The bugs that stand at `first` and the positions after it."""
        prose = gather_prose(rows)
        impacts = damp(prose.counts, measure(prose, n=len(rows))[prose.owners])
        starts = _starts(prose.words)
        return Segment(first, len(rows), prose.words[starts[:-1]], starts, prose.owners, impacts)

    def joined(self, other: "Segment") -> "Segment":
        """Both; the other's bugs stand behind these."""
        words = np.concatenate([np.repeat(s.words, np.diff(s.starts)) for s in (self, other)])
        places = np.concatenate([self.places, other.places + np.int32(self.n)])
        impacts = np.concatenate([self.impacts, other.impacts])
        order = np.argsort(words, kind="stable")  # merges two runs
        words = words[order]
        starts = _starts(words)
        return Segment(self.first, self.n + other.n, words[starts[:-1]], starts, places[order], impacts[order])

    def spans(self, words: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where the entries of each word begin and end; an empty span for a word that does not occur."""
        if not len(self.words):
            return np.zeros(len(words), np.int64), np.zeros(len(words), np.int64)
        place = np.minimum(np.searchsorted(self.words, words), len(self.words) - 1)
        found = self.words[place] == words
        return np.where(found, self.starts[place], 0), np.where(found, self.starts[place + 1], 0)


def grow(segments: Sequence[Segment], new: Segment) -> list[Segment]:
    """The segments with one more; small ones are joined, so that there are never many."""
    grown = [*segments, new]
    while len(grown) > 1 and grown[-2].n < GROWTH * grown[-1].n:
        last = grown.pop()
        grown[-1] = grown[-1].joined(last)
    return grown


def rarities(segments: Sequence[Segment], words: NDArray[np.uint32], *, n: int) -> NDArray[np.float32]:
    """Weight of each word by the number of bugs, of n, in which it occurs; float32, positive (Lucene's variant)."""
    held = np.zeros(len(words), np.int64)
    for segment in segments:
        starts, ends = segment.spans(words)
        held += ends - starts
    return np.log1p((n - held + 0.5) / (held + 0.5)).astype(np.float32)


def score(
    segments: Sequence[Segment], words: NDArray[np.uint32], weights: NDArray[np.float32], *, n: int
) -> NDArray[np.float32]:
    """BM25 of each of n bugs for a query of some words, float32 [n]."""
    scores = np.zeros(n, np.float32)
    for segment in segments if len(words) else ():
        starts, ends = segment.spans(words)
        spans = [slice(start, end) for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
        by_word = csc_array(
            (
                np.concatenate([segment.impacts[span] for span in spans]),
                np.concatenate([segment.places[span] for span in spans]),
                np.concatenate([[0], np.cumsum(ends - starts)]),
            ),
            shape=(segment.n, len(words)),
        )
        scores[segment.first : segment.first + segment.n] = by_word @ weights
    return scores
