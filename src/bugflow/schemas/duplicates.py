"""Bugs that say the same, on the wire."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from bugflow.domain.bugs import Status
from bugflow.domain.duplicates import EvidenceKind
from bugflow.schemas.base import Body, Id, Moment, Name, Read, Storable, name_of

MAX_SEARCHED_CHARACTERS = 2**20  # as large as a body may be: a pasted log is read as far as models read, and it says so

SearchedText = Annotated[str, Field(max_length=MAX_SEARCHED_CHARACTERS), Storable]


class DuplicateSearchRequest(Body):
    """What is being written. An empty text finds nothing."""

    description: SearchedText = ""
    title: SearchedText | None = None
    project: Name | None = None
    limit: Annotated[int, Field(ge=1, le=20)] = 5


class EvidenceRead(Read):
    """What the two share; for `other_version` and `other_platform` what the report names and the candidate does not."""

    kind: EvidenceKind
    values: list[str]


class DuplicateRead(Read):
    """An earlier bug that may say the same.

    Attributes:
        probability: Calibrated.
        similarity: Cosine of the two texts' vectors.
        likely: The probability is above the bar where nine of ten were right.
        possible_regression: It was resolved, and the report is not of an older version: it may have come back.
        n_affected: People who reported it or said that it is theirs too.
    """

    bug_id: int
    title: str
    status: Status
    project: str
    created_at: Moment
    probability: float
    similarity: float
    evidence: list[EvidenceRead]
    likely: bool
    possible_regression: bool
    n_affected: int


class DuplicatesFound(Read):
    """The answer to a search."""

    candidates: list[DuplicateRead]
    notes: list[str]


class LinkedBug(Read):
    """A bug that people said is the same."""

    id: int
    title: str
    status: Status
    project: Annotated[str, BeforeValidator(name_of)]
    created_at: Moment


class DuplicatesRead(Read):
    """What is known of a bug's likes.

    Attributes:
        repeats: The root that it repeats, as a person said.
        repeated_by: Bugs that repeat it.
        candidates: What the machine suggests and nobody has decided.
        follows: Whether the asking person is told what becomes of it.
    """

    repeats: LinkedBug | None
    repeated_by: list[LinkedBug]
    candidates: list[DuplicateRead]
    n_affected: int
    follows: bool
    may_link: bool


Suggested = Annotated[
    float | None, Field(ge=0, le=1, description="The probability that was shown, where BugFlow had suggested the pair.")
]


class DuplicateLinkCreate(Body):
    """The body of a link: which bug it repeats. A bug that itself repeats one stands for its root."""

    duplicate_of: Id
    probability: Suggested = None


class DuplicateDismiss(Body):
    """The body of a dismissal: which bug it does not repeat."""

    other_id: Id
    probability: Suggested = None
