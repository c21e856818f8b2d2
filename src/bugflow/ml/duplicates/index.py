"""The bugs reported so far, in memory: searched by words and by meaning, changed while it is searched."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from threading import Event, Lock, Thread, current_thread
from typing import TYPE_CHECKING
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.duplicates import codes, pairs, postings
from bugflow.ml.duplicates.codes import Codes
from bugflow.ml.duplicates.pairs import UNRANKED, Pool, Query, Weighed
from bugflow.ml.duplicates.postings import PART_WEIGHTS, Segment
from bugflow.ml.duplicates.words import PROSE, WORD_BITS, WORD_MASK, Entries, Part

if TYPE_CHECKING:
    from bugflow.ml.duplicates.neighbours import Neighbours

POOL = 100  # candidates that each of the two searches brings
NOWHERE = np.float32(-2)  # below any cosine
EXACT_UP_TO = 100_000  # bugs; beyond, comparing each takes longer than 5 ms and a graph finds nearly the same
GRAPH_BATCH = 1_000  # vectors that the graph takes up at a time: half a second
SECONDS_TO_END = 5.0


@dataclass(frozen=True, slots=True)
class IndexedBug:
    """A bug as the index takes it up.

    Attributes:
        day: When it was filed, days since 1970.
        project: Hash of the project's name, 0 where none is named.
        vector: [d] of unit length, kept to half precision, or None until it is made.
    """

    bug_id: int
    day: float
    project: int
    entries: Entries
    vector: NDArray[np.floating] | None

    def as_query(self) -> Query:
        """The bug as a question for its likes."""
        vector = None if self.vector is None else self.vector.astype(np.float32)
        return Query(self.entries, vector, self.project, self.day)


@dataclass(frozen=True)
class _State:
    """What a search sees: arrays are written behind `n` only, everything else is replaced."""

    n: int
    ids: NDArray[np.int64]
    days: NDArray[np.float64]
    projects: NDArray[np.uint32]
    alive: NDArray[np.bool_]
    read: NDArray[np.bool_]  # those without a vector have zeros
    vectors: NDArray[np.float16]  # to which precision they are kept with the bugs
    codes: Codes
    rows: list[Entries]
    segments: list[Segment] = field(default_factory=list)

    @staticmethod
    def empty(n_dimensions: int) -> "_State":
        none, vectors = np.zeros(0), np.zeros((0, n_dimensions), np.float16)
        ids, projects, alive = none.astype(np.int64), none.astype(np.uint32), none.astype(bool)
        return _State(0, ids, none, projects, alive, alive, vectors, Codes(), [])

    def cosines(self, places: NDArray[np.int64], vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """With the bugs at some places, exact."""
        return codes.compare(self.vectors[places], vector)


@dataclass(frozen=True, slots=True)
class Found:
    """The candidates of one query, in no order; row i of `pairs` belongs to bug i. `weighed`: the query's own words."""

    bug_ids: NDArray[np.int64]
    cosines: NDArray[np.float32]
    pairs: NDArray[np.float32]
    entries: Sequence[Entries]
    weighed: Weighed


class BugIndex:
    """Bugs by position, in the order in which they came. Safe for many readers and writers at once.

    Up to `exact_up_to` bugs are compared one by one. With more a graph is built in a thread of its own; until it is
    there, they still are.
    """

    def __init__(self, n_dimensions: int, *, exact_up_to: int = EXACT_UP_TO) -> None:
        self.n_dimensions = n_dimensions
        self._state = _State.empty(n_dimensions)
        self._place: dict[int, int] = {}
        self._writing = Lock()
        self._exact_up_to = exact_up_to
        self._graph: Neighbours | None = None
        self._builder: Thread | None = None
        self._stopped = Event()

    def __len__(self) -> int:
        return len(self._place)

    def add(self, bugs: Iterable[IndexedBug]) -> None:
        """Take up bugs; one that is there is replaced."""
        with self._writing:
            bugs = list({bug.bug_id: bug for bug in bugs}.values())
            if not bugs:
                return
            old = self._state
            self._state = self._grown(old, bugs)
            if self._graph is not None:
                _put(self._graph, self._state, slice(old.n, self._state.n))
            elif self._builder is None and self._state.n > self._exact_up_to:
                self._builder = Thread(target=self._build_graph, name="bugflow-graph", daemon=True)
                self._builder.start()
                # A thread that is inside C++ when the interpreter ends takes the process down with it.
                finalize(self, _end, self._stopped, self._builder)
            for place, bug in enumerate(bugs, start=old.n):
                if (before := self._place.get(bug.bug_id)) is not None:
                    self._state.alive[before] = False
                self._place[bug.bug_id] = place

    def remove(self, bug_ids: Iterable[int]) -> None:
        """Never find these bugs again; unknown ones are passed over."""
        with self._writing:
            for bug_id in bug_ids:
                if (place := self._place.pop(bug_id, None)) is not None:
                    self._state.alive[place] = False

    def search(self, query: Query, *, before: float | None = None, without: int | None = None) -> Found:
        """The candidates for a query.

        Args:
            before: Only bugs filed before this day.
            without: A bug that is not looked at: the query itself.
        """
        state = self._state
        n = state.n
        allowed = state.alive[:n].copy()
        if before is not None:
            allowed &= state.days[:n] < before
        if without is not None and (own := self._place.get(without)) is not None and own < n:
            allowed[own] = False
        weighed = weigh(state.segments, query.entries, n=n)
        bm25 = postings.score(state.segments, weighed.words, weighed.rarities, n=n)
        by_words = _best(np.where(allowed, bm25, 0), above=0)
        by_meaning = np.zeros(0, np.int64) if query.vector is None else self._alike(state, query.vector, allowed)
        places = np.union1d(by_words, by_meaning)
        cosines = np.zeros(len(places), np.float32) if query.vector is None else state.cosines(places, query.vector)
        entries = [state.rows[place] for place in places]
        pool = Pool(
            places,
            cosines,
            bm25[places],
            _ranks(places, by_meaning),
            _ranks(places, by_words),
            entries,
            state.projects[places],
            state.days[places],
        )
        return Found(state.ids[places], cosines, pairs.compare(query, weighed, pool), entries, weighed)

    def nearest(self, vector: NDArray[np.float32], *, n: int, without: int | None = None) -> list[tuple[int, float]]:
        """The n bugs nearest in meaning with their cosines, nearest first; `without`: the bug that is asked about."""
        state = self._state
        allowed = state.alive[: state.n].copy()
        if without is not None and (own := self._place.get(without)) is not None and own < state.n:
            allowed[own] = False
        places = self._alike(state, vector, allowed)[:n]
        cosines = np.minimum(state.cosines(places, vector), 1.0)
        return list(zip(state.ids[places].tolist(), cosines.tolist(), strict=True))

    def alike(self, bug_id: int, *, n: int) -> list[tuple[int, float]]:
        """The same for a bug that is here, without itself; none for one that is not, or was not read yet."""
        place, state = self._place.get(bug_id), self._state
        if place is None or place >= state.n:
            return []
        return self.nearest(state.vectors[place].astype(np.float32), n=n, without=bug_id)

    def settle(self) -> None:
        """Wait until a graph that is being built is in use."""
        if self._builder is not None:
            self._builder.join()

    def _alike(self, state: _State, vector: NDArray[np.float32], allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Places of the `POOL` nearest in meaning, nearest first: of all bugs, or of what a graph finds."""
        if self._graph is None:
            bound = state.codes.bound(state.vectors[: state.n], vector)
            bound[~(allowed & state.read[: state.n])] = NOWHERE
            # A hundred of these are so near at least; what is less near at most is not among the nearest hundred.
            near = np.sort(state.cosines(_best(bound, above=0, n=2 * POOL), vector))
            least = near[-POOL] if len(near) >= POOL else 0
            places = np.flatnonzero((bound > 0) & (bound >= least))
        else:
            places = self._graph.search(vector, n=POOL)  # fewer remain where some were replaced or deleted since
            places = np.sort(places[places < state.n])
            places = places[allowed[places]]
        cosines = state.cosines(places, vector)
        return places[_best(cosines, above=0)]

    def _build_graph(self) -> None:
        """Take up all vectors into a graph; what is added meanwhile as well, then use it."""
        from bugflow.ml.duplicates.neighbours import Neighbours  # noqa: PLC0415 - few have as many bugs

        graph, done = Neighbours(self.n_dimensions), 0
        while not self._stopped.is_set():
            with self._writing:
                state = self._state
                if done >= state.n:
                    self._graph = graph
                    return
            end = min(done + GRAPH_BATCH, state.n)
            _put(graph, state, slice(done, end))
            done = end

    def _grown(self, old: _State, bugs: list[IndexedBug]) -> _State:
        n = old.n + len(bugs)
        room = old.ids.shape[0]
        wanted = room if n <= room else max(n, room + room // 2, 64)
        ids, days, projects, alive = (_room(a, wanted) for a in (old.ids, old.days, old.projects, old.alive))
        read, vectors = (_room(a, wanted) for a in (old.read, old.vectors))
        new = slice(old.n, n)
        ids[new] = [bug.bug_id for bug in bugs]
        days[new] = [bug.day for bug in bugs]
        projects[new] = [bug.project for bug in bugs]
        alive[new] = True
        vectors[new] = 0
        for place, bug in enumerate(bugs, start=old.n):
            if bug.vector is not None:
                vectors[place] = bug.vector
        read[new] = vectors[new].any(axis=1)
        rows = [bug.entries for bug in bugs]
        segments = postings.grow(old.segments, Segment.of(rows, first=old.n))
        kept = old.rows
        kept.extend(rows)  # positions below n stay as they are
        return _State(n, ids, days, projects, alive, read, vectors, old.codes.extended(vectors[:n]), kept, segments)


def _end(stopped: Event, builder: Thread) -> None:
    stopped.set()
    if builder is not current_thread():
        builder.join(timeout=SECONDS_TO_END)


def _put(graph: "Neighbours", state: _State, rows: slice) -> None:
    """Take up the vectors of some places; a bug that was not read for its meaning has none."""
    places = np.arange(rows.start, rows.stop)
    vectors = state.vectors[rows].astype(np.float32)
    known = state.read[rows]
    if known.any():
        graph.add(places[known], vectors[known])


def weigh(segments: Sequence[Segment], entries: Entries, *, n: int) -> Weighed:
    """The words of a query, with how rare they are among n bugs."""
    part = entries["key"] >> np.uint32(WORD_BITS)
    searched = part < len(PROSE)
    words, place = np.unique(entries["key"][searched] & WORD_MASK, return_inverse=True)
    counts = np.bincount(place, weights=entries["count"][searched] * PART_WEIGHTS[part[searched]], minlength=len(words))
    in_title = np.bincount(place, weights=part[searched] == Part.TITLE, minlength=len(words)) > 0
    in_body = np.bincount(place, weights=part[searched] != Part.TITLE, minlength=len(words)) > 0
    rarities = postings.rarities(segments, words, n=n)
    length = np.full(len(words), counts.sum(), np.float32)
    perfect = float((rarities * postings.damp(counts.astype(np.float32), length)).sum())
    return Weighed(words, rarities, in_title, in_body, perfect)


def _room(array: NDArray, wanted: int) -> NDArray:  # type: ignore[type-arg]
    """The array itself if it is long enough, else a longer copy."""
    if len(array) >= wanted:
        return array
    grown = np.zeros((wanted, *array.shape[1:]), array.dtype)
    grown[: len(array)] = array
    return grown


def _best(scores: NDArray[np.float32], *, above: float, n: int = POOL) -> NDArray[np.int64]:
    """Positions of the n best that are above something, best first; of equal ones the earlier."""
    # Dealt into n hands, each holds one as good as its best: no worse than the worst of those, few remain to be sorted.
    hands = scores[: len(scores) // n * n].reshape(-1, n)
    least = hands.max(axis=0).min() if len(hands) else above
    places = np.flatnonzero((scores >= least) & (scores > above))
    return places[np.argsort(-scores[places], kind="stable")][:n]


def _ranks(places: NDArray[np.int64], ranked: NDArray[np.int64]) -> NDArray[np.float32]:
    ranks = np.full(len(places), UNRANKED, np.float32)
    ranks[np.searchsorted(places, ranked)] = np.arange(len(ranked))
    return ranks
