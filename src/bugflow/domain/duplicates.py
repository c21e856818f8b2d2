"""Reports that say the same: what the machine found, what people decided, and where links may lead."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum, auto

from bugflow.errors import CircularLink


class Reading(Enum):
    """How thoroughly a report is read."""

    WORDS = auto()
    """Its words alone: under a millisecond."""
    REMEMBERED = auto()
    """Its meaning as well if it was read a moment ago, while it was written."""
    MEANING = auto()
    """Its meaning too: some 15 ms."""


class EvidenceKind(StrEnum):
    """What two reports share, or where they differ."""

    WORDS = "words"
    EXCEPTION = "exception"
    ERROR_CODE = "error_code"
    FRAME = "frame"
    VERSION = "version"
    PLATFORM = "platform"
    OTHER_VERSION = "other_version"
    OTHER_PLATFORM = "other_platform"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that speaks for or against two reports being the same.

    Attributes:
        values: The shared words, names or numbers; of a difference those of the report that was asked about.
    """

    kind: EvidenceKind
    values: Sequence[str]


@dataclass(frozen=True, slots=True)
class DuplicateCandidate:
    """An earlier report that may say the same.

    Attributes:
        probability: Calibrated, in [0, 1].
        similarity: Cosine in [-1, 1]; 0 where one of the two has no vector yet.
        likely: Whether the probability is above the bar where precision was measured to keep the promise.
        versions: Those that the report names which was asked about.
    """

    bug_id: int
    probability: float
    similarity: float
    evidence: Sequence[Evidence] = ()
    likely: bool = False
    versions: Sequence[str] = ()


def is_older(versions: Sequence[str], others: Sequence[str]) -> bool:
    """Whether all versions that a report names come before all that another one names; False if one names none.

    Numbers are compared as numbers, and as far as both go: 4.10 is after 4.9, 4.2 is not before 4.2.1.
    """
    mine, theirs = ([tuple(map(int, re.findall(r"\d+", one))) for one in named] for named in (versions, others))
    pairs = [(a[: len(b)], b[: len(a)]) for a in mine for b in theirs]
    return bool(pairs) and all(a < b for a, b in pairs)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What is kept with a bug so that others can be compared with it, without reading its text again.

    Attributes:
        scheme: Names how `words` was made.
        words: Hashed words by part, see `bugflow.ml.duplicates.words`.
        encoder: Names what made `vector`; None where there is none yet.
        vector: Half-precision numbers of unit length.
    """

    scheme: str
    words: bytes
    encoder: str | None = None
    vector: bytes | None = None


class DuplicateDecision(StrEnum):
    """What a person said of two bugs."""

    CONFIRMED = "confirmed"
    DISMISSED = "dismissed"
    SPLIT = "split"


def choose_root(bug_id: int, other_id: int, *, roots: Mapping[int, int]) -> int:
    """The bug that `bug_id` will repeat when a person says that it repeats `other_id`.

    Args:
        roots: For each linked bug the one that it repeats; a root is in it as a value only.

    Raises:
        CircularLink: The two are one bug, or the other one already repeats this one.
    """
    root = roots.get(other_id, other_id)
    if root == bug_id:
        reason = "a bug cannot repeat itself" if other_id == bug_id else f"bug {other_id} already repeats bug {bug_id}"
        raise CircularLink(reason=reason)
    return root
