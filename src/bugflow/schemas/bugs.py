"""Bugs on the wire."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from bugflow.domain.bugs import EventKind, SetBy, Status
from bugflow.domain.feedback import NO_CHANGE
from bugflow.domain.predictions import Severity, Source, Task
from bugflow.domain.registry import RunState
from bugflow.schemas.base import Body, Id, LongText, Moment, Name, Named, Read, ShortText, name_of
from bugflow.schemas.duplicates import DuplicateRead
from bugflow.schemas.pages import Page
from bugflow.schemas.predictions import Description, Predictions, StoredPrediction, Title

NameOf = Annotated[str, BeforeValidator(name_of)]


def _or_none(value: object) -> object:
    return None if value == NO_CHANGE else value


class BugCreate(Body):
    """A report. What is left out is predicted; a severity or team that differs from the prediction is an override."""

    description: Description
    project: Name
    title: Title | None = None
    severity: Severity | None = None
    team: Name | None = None
    assigned_to_id: Id | None = None


class BugRead(Read):
    """A bug in a list."""

    id: int
    title: str
    description: str
    project: NameOf
    status: Status
    severity: Severity
    severity_set_by: SetBy
    team: NameOf
    team_set_by: SetBy
    needs_review: bool
    reporter: Named
    assigned_to: Named | None
    created_at: Moment
    updated_at: Moment
    resolved_at: Moment | None
    version: int


class BugDetail(BugRead):
    """A bug on its own page: with what the machine said, what may be done with it, and how much hangs on it.

    Attributes:
        moves: The statuses that the asking person may move it to.
        may_edit, may_correct, may_assign: What the asking person may do.
        pinned: The fields that every later model must get right.
    """

    predictions: list[StoredPrediction]
    pinned: list[Task]
    moves: list[Status]
    may_edit: bool
    may_correct: bool
    may_assign: bool
    may_attach: bool
    n_comments: int
    n_attachments: int


class BugReported(Read):
    """The answer to `POST /report_bug`."""

    id: int
    message: Literal["Bug reported"] = "Bug reported"
    title: str
    status: Status
    severity: Severity
    severity_set_by: SetBy
    team: str
    team_set_by: SetBy
    needs_review: bool
    predictions: Predictions
    duplicates: list[DuplicateRead]
    source: Source


class BugUpdate(Body):
    """The body of `POST /update_bug`; "No Change" or null leaves a value alone."""

    bug_id: Id
    status: Annotated[Status | None, BeforeValidator(_or_none)] = None
    correction_severity: Annotated[Severity | None, BeforeValidator(_or_none)] = None
    correction_team: Annotated[Name | None, BeforeValidator(_or_none)] = None
    assigned_to_id: Id | None = None
    reason: ShortText | None = None
    note: LongText | None = None


class RetrainingState(Read):
    """The retraining that waits or runs."""

    run_id: int
    state: RunState


class BugUpdated(Read):
    """The answer to `POST /update_bug`.

    Attributes:
        feedback_count: Corrections recorded so far.
        retraining: The run that this correction started or joined.
        n_new_suggestions, n_similar_waiting: What a correction of the team changed for bugs that say nearly the same;
            see `FeedbackGiven`.
    """

    message: Literal["Bug updated (AI Feedback Recorded)", "Bug updated"]
    feedback_count: int
    retraining: RetrainingState | None = None
    n_new_suggestions: int = 0
    n_similar_waiting: int = 0


class BugPatch(Body):
    """The body of `PATCH /api/v1/bugs/{id}`: only the fields that are sent change. `assigned_to_id: null` unassigns."""

    title: Title | None = None
    description: Description | None = None
    project: Name | None = None
    status: Status | None = None
    severity: Severity | None = None
    team: Name | None = None
    assigned_to_id: Id | None = None
    reason: ShortText | None = None


class EventRead(Read):
    id: int
    kind: EventKind
    actor: Named | None
    field: str | None
    old_value: str | None
    new_value: str | None
    note: str | None
    created_at: Moment


class BugFilter(Body):
    """What `GET /api/v1/bugs` can be asked for; a field given several times means any of them.

    Attributes:
        assigned_to, reporter: User ids, or `me`; for `assigned_to` also `nobody` and `my_team`.
        q: Words that all must occur in title or description; the last may be unfinished.
    """

    status: list[Status] = Field(default_factory=list)
    severity: list[Severity] = Field(default_factory=list)
    team: list[Name] = Field(default_factory=list)
    project: list[Name] = Field(default_factory=list)
    assigned_to: str | None = Field(None, pattern=r"^(me|nobody|my_team|[1-9][0-9]{0,17})$")
    reporter: str | None = Field(None, pattern=r"^(me|[1-9][0-9]{0,17})$")
    needs_review: bool | None = None
    q: ShortText | None = None
    created_after: Moment | None = None
    created_before: Moment | None = None
    updated_after: Moment | None = None
    sort: Literal["created_at", "-created_at", "updated_at", "-updated_at", "severity", "-severity", "id", "-id"] = (
        "-created_at"
    )
    cursor: str | None = Field(None, max_length=500)
    limit: int = Field(25, ge=1, le=100)
    total: bool = False


BugPage = Page[BugRead]
EventPage = Page[EventRead]
