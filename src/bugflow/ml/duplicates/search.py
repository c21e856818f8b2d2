"""The earlier reports that may say the same, most probable first, with what speaks for it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Protocol
from zlib import crc32

import numpy as np

from bugflow.domain.duplicates import DuplicateCandidate, Fingerprint, Reading
from bugflow.ml.duplicates.evidence import Reader
from bugflow.ml.duplicates.index import BugIndex, IndexedBug
from bugflow.ml.duplicates.ranker import Ranker, load_ranker
from bugflow.ml.duplicates.words import ENTRY, SCHEME, from_bytes, read_words, to_bytes
from bugflow.ml.encoder import Encoder, load_encoder
from bugflow.ml.text import CleanText

PROMISE = 0.90  # the issue of duplicates that are not: nine of ten marked likely are right
RANKER_TASK = "duplicates"  # what the folders of its models are named after
SHIPPED_RANKER = Path(__file__).parents[2] / "models" / "duplicates-1"
SECONDS_A_DAY = 86_400


class DuplicateSearch(Protocol):
    """Whatever knows earlier reports: `LiveSearch`, `NoSearch`. May be called from several threads at once."""

    def read(self, text: CleanText, reading: Reading) -> Fingerprint | None:
        """What is to be kept with a report, and what `find` is asked with."""
        ...

    def find(
        self, text: CleanText, fingerprint: Fingerprint, *, n: int, without: int | None = None
    ) -> list[DuplicateCandidate]:
        """At most n candidates, most probable first; `without`: the report itself, where it is among those known."""
        ...

    def nearest(self, text: CleanText, *, n: int, without: int | None = None) -> list[tuple[int, float]]:
        """At most n (`POOL` at most) bugs nearest in meaning with their cosines, nearest first."""
        ...

    def alike(self, bug_id: int, *, n: int) -> list[tuple[int, float]]:
        """The same for a bug that is known, which is not among them; no text is read."""
        ...

    def refresh(self) -> None:
        """Take up what was reported since; every search does it first."""
        ...


@dataclass(frozen=True, slots=True)
class NoSearch:
    """Knows no earlier reports.

    Attributes:
        problem: Why, where a search was asked for.
    """

    problem: str = ""

    def read(self, text: CleanText, reading: Reading) -> Fingerprint | None:  # noqa: ARG002  (protocol)
        """Nothing is kept."""
        return None

    def find(
        self,
        text: CleanText,  # noqa: ARG002
        fingerprint: Fingerprint,  # noqa: ARG002
        *,
        n: int,  # noqa: ARG002
        without: int | None = None,  # noqa: ARG002
    ) -> list[DuplicateCandidate]:
        """No candidates."""
        return []

    def nearest(self, text: CleanText, *, n: int, without: int | None = None) -> list[tuple[int, float]]:  # noqa: ARG002
        """None."""
        return []

    def alike(self, bug_id: int, *, n: int) -> list[tuple[int, float]]:  # noqa: ARG002
        """None."""
        return []

    def refresh(self) -> None:
        """There is nothing to take up."""


@dataclass(frozen=True, slots=True)
class LiveSearch:
    """Searches an index that is brought up to date before each search.

    Attributes:
        catch_up: Takes up into the index what was reported since, here or in another process.
    """

    index: BugIndex
    ranker: Ranker
    encoder: Encoder
    catch_up: Callable[[BugIndex], None] = lambda _index: None

    def read(self, text: CleanText, reading: Reading) -> Fingerprint:
        """What is to be kept with a report, and what `find` is asked with."""
        words, prose = to_bytes(read_words(text)), prose_of(text)
        if reading is Reading.WORDS or (reading is Reading.REMEMBERED and not self.encoder.remembers(prose)):
            return Fingerprint(SCHEME, words)
        vector = self.encoder.encode([prose])[0].astype(np.float16)
        return Fingerprint(SCHEME, words, self.encoder.name, vector.tobytes())

    def find(
        self,
        text: CleanText,
        fingerprint: Fingerprint,
        *,
        n: int,
        moment: datetime | None = None,
        without: int | None = None,
    ) -> list[DuplicateCandidate]:
        """At most n candidates, most probable first.

        Args:
            moment: When the report was filed; None: now.
            without: The report itself, where it is among those known.
        """
        self.refresh()
        bug = indexed(
            0,
            fingerprint,
            (moment or datetime.now(UTC)).timestamp(),
            text.project,
            encoder=self.encoder.name,
            d=self.index.n_dimensions,
        )
        if not len(bug.entries) or not len(self.index):
            return []
        found = self.index.search(bug.as_query(), before=bug.day if moment else None, without=without)
        order, probabilities = self.ranker.rank(found.pairs)
        bar = self.ranker.bar(PROMISE)
        rarities = dict(zip(found.weighed.words.tolist(), found.weighed.rarities.tolist(), strict=True))
        reader = Reader(text, rarities=rarities)
        return [
            DuplicateCandidate(
                bug_id=int(found.bug_ids[place]),
                probability=float(probability),
                similarity=float(np.clip(found.cosines[place], -1, 1)),
                evidence=reader.read(found.entries[place]),
                likely=bool(probability >= bar),
                versions=text.versions,
            )
            for place, probability in zip(order[:n].tolist(), probabilities.tolist(), strict=False)
        ]

    def nearest(self, text: CleanText, *, n: int, without: int | None = None) -> list[tuple[int, float]]:
        """At most n (`POOL` at most) bugs nearest in meaning with their cosines, nearest first."""
        self.refresh()
        vector = self.encoder.encode([prose_of(text)])[0]
        return self.index.nearest(vector, n=n, without=without)

    def alike(self, bug_id: int, *, n: int) -> list[tuple[int, float]]:
        """The same for a bug that is known, which is not among them; no text is read."""
        self.refresh()
        return self.index.alike(bug_id, n=n)

    def refresh(self) -> None:
        """Take up what was reported since; every search does it first."""
        self.catch_up(self.index)


def make_search(
    *,
    encoder: Encoder | None = None,
    ranker: Ranker | None = None,
    catch_up: Callable[[BugIndex], None] = lambda _index: None,
) -> LiveSearch:
    """A search over an empty index with the shipped encoder and ranker, unless others are given.

    Raises:
        ArtifactCorrupt: One of the two cannot be used.
    """
    encoder = encoder or load_encoder()
    return LiveSearch(BugIndex(encoder.n_dimensions), ranker or load_ranker(SHIPPED_RANKER), encoder, catch_up)


def indexed(bug_id: int, fingerprint: Fingerprint, seconds: float, project: str, *, encoder: str, d: int) -> IndexedBug:
    """A bug as the index takes it up, from what was kept with it; words or vectors made in another way are left out.

    Args:
        seconds: When it was filed, since 1970.
    """
    words = from_bytes(fingerprint.words) if fingerprint.scheme == SCHEME else np.zeros(0, ENTRY)
    vector = None
    if fingerprint.vector is not None and fingerprint.encoder == encoder and len(fingerprint.vector) == 2 * d:
        vector = np.frombuffer(fingerprint.vector, np.float16)
    return IndexedBug(bug_id, seconds / SECONDS_A_DAY, hash_project(project), words, vector)


@lru_cache(maxsize=1_000)
def hash_project(name: str) -> int:
    """A project's name, lower-case, as the index keeps it; 0 where there is none."""
    return crc32(name.encode("utf-8", "replace")) if name else 0


def prose_of(text: CleanText) -> str:
    """What the encoder reads: the same as for severity and team, so that one reading serves all three."""
    return f"{text.title}\n{text.description}"


def read_all(search: LiveSearch, texts: Sequence[CleanText]) -> list[Fingerprint]:
    """What is kept with many reports, read at once on all cores."""
    vectors = search.encoder.encode([prose_of(text) for text in texts]).astype(np.float16)
    name = search.encoder.name
    return [
        Fingerprint(SCHEME, to_bytes(read_words(text)), name, vector.tobytes())
        for text, vector in zip(texts, vectors, strict=True)
    ]
