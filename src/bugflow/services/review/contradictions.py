"""Bugs that say nearly the same and were given different labels by people: one of them may be wrong."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from bugflow.db.tables import DuplicateVerdict, Feedback
from bugflow.domain.duplicates import DuplicateDecision
from bugflow.domain.predictions import Severity, Task
from bugflow.ml.live import NEAR
from bugflow.schemas.review import Contradiction, WordRead
from bugflow.services.review.words import Words, find_words

LEVELS_APART = 2
"""Severities one level apart are no contradiction: of the nearest reports half have another."""


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two bugs and the words said of them; the newer word first."""

    task: Task
    cosine: float
    bug_ids: frozenset[int]
    word_ids: tuple[int, int]


def list_contradictions(session: Session, *, limit: int) -> list[Contradiction]:
    """Pairs of bugs with contradicting words among the newest of each field, the most alike first.

    A pair goes when one of the two gets the other's label, or when a person says that the two bugs are not the same.
    """
    pairs = [pair for task in Task for pair in _find_pairs(find_words(session, task), task)]
    apart = _find_apart(session, {bug_id for pair in pairs for bug_id in pair.bug_ids})
    kept = sorted((pair for pair in pairs if pair.bug_ids not in apart), key=lambda pair: (-pair.cosine, pair.word_ids))
    ids = {word_id for pair in kept[:limit] for word_id in pair.word_ids}
    load = (joinedload(Feedback.actor), joinedload(Feedback.bug))
    rows = {row.id: row for row in session.scalars(select(Feedback).where(Feedback.id.in_(ids)).options(*load))}
    return [
        Contradiction(task=pair.task, cosine=pair.cosine, words=[_shown(rows[word_id]) for word_id in pair.word_ids])
        for pair in kept[:limit]
    ]


def _find_pairs(words: Words, task: Task) -> Iterator[_Pair]:
    cosines = np.triu(words.alike(words.vectors), k=1)
    for newer, older in np.argwhere(cosines >= NEAR).tolist():
        if _contradict(words.labels[newer], words.labels[older], task):
            yield _Pair(
                task=task,
                cosine=round(min(float(cosines[newer, older]), 1.0), 4),
                bug_ids=frozenset((words.bug_ids[newer], words.bug_ids[older])),
                word_ids=(words.ids[newer], words.ids[older]),
            )


def _contradict(label: str, other: str, task: Task) -> bool:
    if task is Task.SEVERITY:
        return abs(Severity(label).rank - Severity(other).rank) >= LEVELS_APART
    return label != other


def _find_apart(session: Session, bug_ids: Iterable[int]) -> set[frozenset[int]]:
    """Pairs of these bugs of which a person said last that they are not the same."""
    row = DuplicateVerdict
    both = (row.bug_id.in_(bug_ids), row.other_id.in_(bug_ids))
    words = session.execute(select(row.bug_id, row.other_id, row.decision).where(*both).order_by(row.id))
    newest = {frozenset((one, other)): decision for one, other, decision in words}
    return {pair for pair, decision in newest.items() if decision is not DuplicateDecision.CONFIRMED}


def _shown(row: Feedback) -> WordRead:
    return WordRead.model_validate({**vars(row), "title": row.bug.title})
