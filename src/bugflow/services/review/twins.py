"""What a word on one bug changes for others that say nearly the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from bugflow.db.tables import Bug, Feedback, ReviewRequest
from bugflow.domain.bugs import SetBy, Status
from bugflow.domain.review import Cause
from bugflow.ml.duplicates.index import POOL
from bugflow.ml.duplicates.search import DuplicateSearch
from bugflow.ml.live import NEAR
from bugflow.services import registry
from bugflow.services.duplicates import fingerprints
from bugflow.services.memory import REMEMBERED
from bugflow.services.review.words import find_words


@dataclass(frozen=True, slots=True)
class Changed:
    """What a word changed for bugs that say nearly the same and are not resolved.

    Attributes:
        n_suggested: Those whose team the machine set, and for which another one is remembered since.
        n_waiting: Those that wait for a person's look, the former among them.
    """

    n_suggested: int = 0
    n_waiting: int = 0


def find_twins(search: DuplicateSearch, bug_id: int) -> list[int]:
    """The bugs that say nearly the same as one, nearest first. Asked outside of transactions: it may take 15 ms."""
    return [n for n, cosine in search.alike(bug_id, n=POOL) if cosine >= NEAR]


def note_word(session: Session, word: Feedback, twins: Sequence[int], *, now: datetime) -> Changed:
    """Ask people about the twins of a bug whose team the machine set and for which the memory now names another one.

    What was predicted stays as it was said, and the team stays where it is: a person decides. Twins that somebody else
    changes at this moment are passed over, so that two corrections never wait for one another.
    """
    open_twins = (
        select(Bug)
        .where(Bug.id.in_(twins), Bug.id != word.bug_id, Bug.status != Status.RESOLVED)
        .order_by(Bug.id)
        .options(joinedload(Bug.team))
        .with_for_update(of=Bug, skip_locked=True)
    )
    bugs = session.scalars(open_twins).all() if twins else []
    doubtful: list[Bug] = []
    if word.task in REMEMBERED:
        others = [bug for bug in bugs if bug.team_set_by is SetBy.MACHINE and bug.team.name != word.label]
        doubtful = _agreed(session, word, others)
    known = select(ReviewRequest.bug_id).where(
        ReviewRequest.bug_id.in_([bug.id for bug in doubtful]),
        ReviewRequest.task == word.task,
        ReviewRequest.cause == Cause.TWIN,
    )
    asked = set(session.scalars(known)) if doubtful else set()
    for bug in doubtful:
        if bug.id not in asked:
            session.add(
                ReviewRequest(bug_id=bug.id, task=word.task, cause=Cause.TWIN, feedback_id=word.id, created_at=now)
            )
        if not bug.needs_review:
            bug.needs_review, bug.version, bug.updated_at = True, bug.version + 1, now
    return Changed(n_suggested=len(doubtful), n_waiting=sum(bug.needs_review for bug in bugs))


def _agreed(session: Session, word: Feedback, bugs: Sequence[Bug]) -> list[Bug]:
    """Those for which people's words, as far as no model has learned them, all name the label of this word."""
    if not bugs:
        return []
    words = find_words(session, word.task, since=registry.learned_words(session).get(word.task, 0))
    near = words.alike(fingerprints.find_vectors(session, [bug.id for bug in bugs])) >= NEAR
    others = [label != word.label for label in words.labels]
    return [bug for bug, row in zip(bugs, near, strict=True) if not row[others].any()]
