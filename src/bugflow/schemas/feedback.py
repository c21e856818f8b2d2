"""Corrections and confirmations on the wire."""

from bugflow.domain.feedback import FeedbackKind
from bugflow.domain.predictions import Task
from bugflow.schemas.base import Body, Id, Moment, Name, Named, Read, ShortText
from bugflow.schemas.bugs import BugRead, RetrainingState
from bugflow.schemas.pages import Page
from bugflow.schemas.predictions import StoredPrediction


class FeedbackCreate(Body):
    """A PM's word on one predicted field: the predicted label confirms it, another one corrects it."""

    bug_id: Id
    task: Task
    label: Name
    reason: ShortText | None = None


class FeedbackRead(Read):
    id: int
    bug_id: int
    task: Task
    kind: FeedbackKind
    predicted: str
    old_label: str
    label: str
    reason: str | None
    actor: Named
    created_at: Moment


class FeedbackGiven(Read):
    feedback: FeedbackRead
    feedback_count: int
    retraining: RetrainingState | None = None


class ReviewItem(Read):
    """A bug whose prediction is worth a look, least sure first."""

    bug: BugRead
    predictions: list[StoredPrediction]


FeedbackPage = Page[FeedbackRead]
ReviewPage = Page[ReviewItem]
