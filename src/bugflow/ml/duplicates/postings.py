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
    entries, owners = join(rows)
    part = entries["key"] >> np.uint32(WORD_BITS)
    words = (entries["key"] & WORD_MASK).astype(np.uint64)
    # All in one number, as plain numbers are sorted five times as fast as anything is by them.
    packed = (
        (words << _WORD) | (owners.astype(np.uint64) << _OWNER) | (part.astype(np.uint64) << _PART) | entries["count"]
    )
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
        words: uint32 [t], rising.
        impacts: float32 [n, t], sparse; what a word adds to each of the n bugs, before rarity.
    """

    first: int
    words: NDArray[np.uint32]
    impacts: csc_array

    @property
    def n(self) -> int:
        """Number of bugs."""
        return int(self.impacts.shape[0])

    @staticmethod
    def of(rows: Sequence[Entries], *, first: int) -> "Segment":
        """The bugs that stand at `first` and the positions after it."""
        prose = gather_prose(rows)
        impacts = damp(prose.counts, measure(prose, n=len(rows))[prose.owners])
        return Segment._by_word(prose.words, prose.owners, impacts, first=first, n=len(rows))

    def joined(self, other: "Segment") -> "Segment":
        """Both; the other's bugs stand behind these."""
        words = np.concatenate([np.repeat(s.words, np.diff(s.impacts.indptr)) for s in (self, other)])
        places = np.concatenate([self.impacts.indices, other.impacts.indices + np.int32(self.n)])
        impacts = np.concatenate([self.impacts.data, other.impacts.data])
        order = np.argsort(words, kind="stable")  # merges two runs
        n = self.n + other.n
        return Segment._by_word(words[order], places[order], impacts[order], first=self.first, n=n)

    @staticmethod
    def _by_word(
        words: NDArray[np.uint32], places: NDArray[np.int32], impacts: NDArray[np.float32], *, first: int, n: int
    ) -> "Segment":
        """Entries whose words rise, and for each word the places."""
        starts = _starts(words)
        # In 64 bits the starts would make 64 bits of the places.
        by_word = csc_array((impacts, places, starts.astype(np.int32)), shape=(n, len(starts) - 1))
        return Segment(first, words[starts[:-1]], by_word)

    def find(self, words: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The columns of those of some words that occur, and which ones do, bool [len(words)]."""
        if not len(self.words):
            return np.zeros(0, np.int64), np.zeros(len(words), bool)
        place = np.minimum(np.searchsorted(self.words, words), len(self.words) - 1)
        found = self.words[place] == words
        return place[found], found


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
        columns, found = segment.find(words)
        starts = segment.impacts.indptr
        held[found] += starts[columns + 1] - starts[columns]
    return np.log1p((n - held + 0.5) / (held + 0.5)).astype(np.float32)


def score(
    segments: Sequence[Segment], words: NDArray[np.uint32], weights: NDArray[np.float32], *, n: int
) -> NDArray[np.float32]:
    """BM25 of each of n bugs for a query of some words, float32 [n]."""
    scores = np.zeros(n, np.float32)
    for segment in segments:
        columns, found = segment.find(words)
        scores[segment.first : segment.first + segment.n] = segment.impacts[:, columns] @ weights[found]
    return scores
