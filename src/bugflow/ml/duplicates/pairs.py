"""What two reports have in common, as numbers: the columns that the re-ranker reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.duplicates.postings import damp
from bugflow.ml.duplicates.words import PROSE, WORD_BITS, WORD_MASK, Entries, Part, join

COLUMNS = (
    "cosine",
    "cosine above the mean of the best ten",
    "cosine below the best",
    "rank by cosine",
    "BM25",
    "BM25 of what an equal report would get",
    "BM25 of the best",
    "rank by BM25",
    "BM25 of the titles",
    "BM25 of the bodies",
    "title in the other's body",
    "title words that the earlier report lacks",
    "title words that the report lacks",
    "share of the earlier report that is shared",
    "same exception",
    "same error code",
    "same stack frames",
    "other stack frames",
    "same version",
    "other version",
    "same platform",
    "other platform",
    "time between",
    "same project",
    "length of the report",
    "length of the earlier report",
    "difference of lengths",
)
"""One row a pair of a report and an earlier one. No column depends on ids or on labels that people gave."""

LOWEST = np.uint32(2**14 - 1)  # of a word's bits
UNRANKED = 300  # rank of a candidate that one of the two searches did not bring


@dataclass(frozen=True, slots=True)
class Query:
    """The report whose earlier likes are looked for.

    Attributes:
        entries: Its words.
        vector: float32 [d] of unit length; None where no encoder is at hand.
        project: Hash of the project's name, 0 where none is named.
        day: When it was filed, days since 1970.
    """

    entries: Entries
    vector: NDArray[np.float32] | None
    project: int
    day: float


@dataclass(frozen=True, slots=True)
class Pool:
    """The c candidates that the two searches brought.

    Attributes:
        places: int64 [c]; positions in the index.
        cosines, bm25: float32 [c]; a cosine is 0 where one of the two has no vector.
        cosine_ranks, bm25_ranks: float32 [c]; from 0, `UNRANKED` where that search did not bring it.
        entries: The words of each.
        projects: uint32 [c].
        days: float64 [c].
    """

    places: NDArray[np.int64]
    cosines: NDArray[np.float32]
    bm25: NDArray[np.float32]
    cosine_ranks: NDArray[np.float32]
    bm25_ranks: NDArray[np.float32]
    entries: Sequence[Entries]
    projects: NDArray[np.uint32]
    days: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Weighed:
    """The prose of a query with the rarity of its words.

    Attributes:
        words: uint32 [q], rising, without repetition.
        rarities: float32 [q].
        in_title, in_body: bool [q].
        perfect: BM25 that an equal report would get.
    """

    words: NDArray[np.uint32]
    rarities: NDArray[np.float32]
    in_title: NDArray[np.bool_]
    in_body: NDArray[np.bool_]
    perfect: float


def compare(query: Query, weighed: Weighed, pool: Pool) -> NDArray[np.float32]:
    """float32 [c, len(COLUMNS)]."""
    c = len(pool.places)
    entries, owners = join(pool.entries)
    part = entries["key"] >> np.uint32(WORD_BITS)
    words, counts = entries["key"] & WORD_MASK, entries["count"].astype(np.float32)
    of_part = owners * len(Part) + part
    n_words_of = np.bincount(of_part, minlength=c * len(Part)).reshape(c, len(Part))
    lengths_of = np.bincount(of_part, weights=counts, minlength=c * len(Part)).reshape(c, len(Part)).astype(np.float32)
    title_lengths, body_lengths = lengths_of[:, Part.TITLE], lengths_of[:, PROSE[1:]].sum(axis=1)

    # From here on only the words that both say.
    shared, place = _find(words, weighed.words)
    prose = part[shared] < len(PROSE)
    shared, place = shared[prose], place[prose]
    owner, counts, is_title = owners[shared], counts[shared], part[shared] == Part.TITLE
    rarity, in_title, in_body = weighed.rarities[place], weighed.in_title[place], weighed.in_body[place]

    def total(weights: NDArray[np.floating[Any]], chosen: NDArray[np.bool_]) -> NDArray[np.float32]:
        return np.bincount(owner[chosen], weights=weights[chosen], minlength=c).astype(np.float32)

    # Parts are damped against their own usual lengths: a title of ten words is as usual as a body of a hundred.
    title_bm25 = total(rarity * damp(counts, 13 * title_lengths[owner]), in_title & is_title)
    body_bm25 = total(rarity * damp(counts, 1.3 * body_lengths[owner]), in_body & ~is_title)
    crossed = total(rarity, in_title & ~is_title)
    # What a title alone says, "iOS" against "Android", is what tells clones of one request apart.
    said = np.zeros((c, len(weighed.words)), bool)
    said[owner[in_title], place[in_title]] = True
    n_title = np.maximum(n_words_of[:, Part.TITLE], 1)
    n_unsaid = n_words_of[:, Part.TITLE] - np.bincount(owner[is_title], minlength=c)
    title_mass = float(weighed.rarities[weighed.in_title].sum()) + 1.0
    body_mass = float(weighed.rarities[weighed.in_body].sum()) + 1.0
    n_words = np.maximum(n_words_of[:, PROSE].sum(axis=1), 1)
    n_shared = np.bincount(owner, minlength=c)

    lengths = np.log1p(title_lengths + body_lengths)
    own_length = float(np.log1p(query.entries["count"][query.entries["key"] >> WORD_BITS < len(PROSE)].sum()))
    best = np.sort(pool.cosines)[::-1]
    both = bool(len(best)) and query.vector is not None
    is_mark = np.flatnonzero(part >= len(PROSE))
    marked, _ = _find(entries["key"][is_mark], query.entries["key"])
    n_same = np.bincount(of_part[is_mark[marked]], minlength=c * len(Part)).reshape(c, len(Part))
    n_own = np.bincount(query.entries["key"] >> np.uint32(WORD_BITS), minlength=len(Part))
    # Of the marks of the one with fewer; and whether both have some, none shared.
    fewer = np.minimum(n_words_of, n_own)
    same, other = n_same / np.maximum(fewer, 1), (fewer > 0) & (n_same == 0)
    columns = [
        pool.cosines,
        pool.cosines - (best[:10].mean() if both else 0.0),
        (best[0] if both else 0.0) - pool.cosines,
        np.log1p(pool.cosine_ranks),
        pool.bm25 / 50,
        pool.bm25 / (weighed.perfect + 1.0),
        pool.bm25 / (pool.bm25.max(initial=0.0) + 1.0),
        np.log1p(pool.bm25_ranks),
        title_bm25 / title_mass,
        body_bm25 / body_mass,
        crossed / title_mass,
        1 - said @ weighed.rarities / title_mass,
        n_unsaid / n_title,
        n_shared / n_words,
        same[:, Part.EXCEPTION],
        same[:, Part.ERROR_CODE],
        same[:, Part.FRAME],
        other[:, Part.FRAME],
        same[:, Part.VERSION],
        other[:, Part.VERSION],
        same[:, Part.PLATFORM],
        other[:, Part.PLATFORM],
        np.log1p(np.maximum(query.day - pool.days, 0.0)),
        (pool.projects == query.project) & (query.project != 0),
        np.full(c, own_length),
        lengths,
        np.abs(lengths - own_length),
    ]
    return np.stack([np.asarray(column, np.float32) for column in columns], axis=1)


def _find(words: NDArray[np.uint32], known: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which of some words are known, and the places of those among the known ones, which rise."""
    # Most unknown ones are told by their lowest bits, in a fifth of the time that looking them up takes.
    lowest = np.zeros(LOWEST + 1, bool)
    lowest[known & LOWEST] = True
    some = np.flatnonzero(lowest[words & LOWEST])
    place = np.minimum(np.searchsorted(known, words[some]), len(known) - 1)
    found = known[place] == words[some]
    return some[found], place[found]
