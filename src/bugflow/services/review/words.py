"""What people said lately of a field, with the meaning of the bugs of which they said it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.db.tables import Feedback
from bugflow.domain.feedback import FeedbackKind
from bugflow.domain.predictions import Task
from bugflow.services.duplicates import fingerprints

NEWEST = 500
"""Words looked at: held against 500 bugs it takes 5 ms; ten trainings' worth of corrections."""


@dataclass(frozen=True, slots=True)
class Words:
    """The newest word of a PM on each of k bugs, newest first.

    Attributes:
        ids: Of the words.
        vectors: float32 [k, d] of unit length; zeros for a bug that was not read for its meaning yet.
    """

    ids: list[int]
    bug_ids: list[int]
    labels: list[str]
    vectors: NDArray[np.float32]

    def alike(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Cosines float32 [n, k] of n meanings with those of these bugs."""
        if vectors.shape[1] != self.vectors.shape[1]:  # on one of the two sides nothing was read
            return np.zeros((len(vectors), len(self.ids)), np.float32)
        return vectors @ self.vectors.T


def find_words(session: Session, task: Task, *, since: int = 0) -> Words:
    """The `NEWEST` words of PMs on a field, of each bug the newest; `since`: after this one."""
    query = select(Feedback.id, Feedback.bug_id, Feedback.label).where(
        Feedback.task == task, Feedback.kind != FeedbackKind.OVERRIDE, Feedback.id > since
    )
    newest: dict[int, tuple[int, str]] = {}
    for word_id, bug_id, label in session.execute(query.order_by(Feedback.id.desc()).limit(NEWEST)):
        newest.setdefault(bug_id, (word_id, label))
    bug_ids = list(newest)
    return Words(
        ids=[word_id for word_id, _ in newest.values()],
        bug_ids=bug_ids,
        labels=[label for _, label in newest.values()],
        vectors=fingerprints.find_vectors(session, bug_ids),
    )
