"""What people are asked to look at, on the wire."""

from bugflow.domain.feedback import FeedbackKind
from bugflow.domain.predictions import Task
from bugflow.schemas.base import Moment, Named, Read
from bugflow.schemas.bugs import BugRead
from bugflow.schemas.predictions import StoredPrediction


class ReviewItem(Read):
    """A bug on which a person's word is asked.

    Attributes:
        tasks: The fields that wait for a word.
        reasons: Why it stands where it stands, in words, the strongest first.
        is_spot_check: It was drawn at random, however sure the machine was.
        suggested_team: The team that a person gave a bug that says nearly the same, where it is another one.
    """

    bug: BugRead
    predictions: list[StoredPrediction]
    tasks: list[Task]
    reasons: list[str]
    is_spot_check: bool
    suggested_team: str | None = None


class ReviewQueue(Read):
    """The bugs to look at next, best first; after a word it is another queue, so there are no pages.

    Attributes:
        n_waiting: How many wait in all.
    """

    items: list[ReviewItem]
    n_waiting: int


class WordRead(Read):
    """What a person said of a bug."""

    bug_id: int
    title: str
    label: str
    kind: FeedbackKind
    reason: str | None
    actor: Named
    created_at: Moment


class Contradiction(Read):
    """Two bugs that say nearly the same, to which people gave different labels.

    Attributes:
        cosine: How nearly, in [0.8, 1].
        words: The newer one first.
    """

    task: Task
    cosine: float
    words: list[WordRead]
