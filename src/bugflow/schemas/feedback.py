"""Corrections and confirmations on the wire."""

from bugflow.domain.feedback import FeedbackKind
from bugflow.domain.predictions import Task
from bugflow.schemas.base import Body, Id, Moment, Name, Named, Read, ShortText
from bugflow.schemas.bugs import RetrainingState
from bugflow.schemas.pages import Page


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
    """The answer to a word.

    Attributes:
        feedback_count: Corrections recorded so far.
        n_new_suggestions: Bugs that say nearly the same, are not resolved and had their team from the machine, for
            which another team is remembered since.
        n_similar_waiting: Unresolved bugs that say nearly the same and wait for a look, the former among them.
    """

    feedback: FeedbackRead
    feedback_count: int
    retraining: RetrainingState | None = None
    n_new_suggestions: int = 0
    n_similar_waiting: int = 0


FeedbackPage = Page[FeedbackRead]
