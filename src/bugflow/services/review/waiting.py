"""Which fields of which bugs wait for a person's word, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.db.tables import Bug, Feedback, ReviewRequest, Team
from bugflow.domain.bugs import SetBy
from bugflow.domain.feedback import FeedbackKind
from bugflow.domain.predictions import Task
from bugflow.domain.review import Cause, is_drawn
from bugflow.services import predictions
from bugflow.services.predictions import Said


@dataclass(frozen=True, slots=True)
class Waiting:
    """A bug as far as a person is asked about it.

    Attributes:
        labels: What it has now, by field.
        said: What was predicted when it was filed, by field.
        unsure: Fields that the machine set, was not sure of, and nobody has spoken on.
        asked: Fields on which a person is asked all the same, by cause.
    """

    bug_id: int
    labels: Mapping[Task, str]
    said: Mapping[Task, Said]
    unsure: frozenset[Task]
    asked: Mapping[Cause, frozenset[Task]]

    @property
    def tasks(self) -> list[Task]:
        """The fields that wait for a word, severity first."""
        wanted = self.unsure.union(*self.asked.values())
        return [task for task in Task if task in wanted]


def draw_spot_check(session: Session, bug_id: int, *, share: float, now: datetime) -> bool:
    """Draw a new bug, or not; if so, a person is asked about both fields, whoever set them and however sure it was."""
    drawn = is_drawn(bug_id, share=share)
    if drawn:
        session.add_all(
            ReviewRequest(bug_id=bug_id, task=task, cause=Cause.SPOT_CHECK, created_at=now) for task in Task
        )
    return drawn


def find_waiting(session: Session, bug_ids: Sequence[int]) -> list[Waiting]:
    """What these bugs wait for, in their order; of one that waits for nothing, that too."""
    columns = (Bug.id, Bug.severity, Bug.severity_set_by, Team.name, Bug.team_set_by)
    labels: dict[int, dict[Task, str]] = {}
    machine: dict[int, set[Task]] = {}
    rows = session.execute(select(*columns).join(Bug.team).where(Bug.id.in_(bug_ids)))
    for bug_id, severity, severity_by, team, team_by in rows:
        labels[bug_id] = {Task.SEVERITY: severity.value, Task.TEAM: team}
        set_by = {Task.SEVERITY: severity_by, Task.TEAM: team_by}
        machine[bug_id] = {task for task in Task if set_by[task] is SetBy.MACHINE}
    words = select(Feedback.bug_id, Feedback.task).where(
        Feedback.bug_id.in_(bug_ids), Feedback.kind != FeedbackKind.OVERRIDE
    )
    spoken = {(bug_id, task) for bug_id, task in session.execute(words)}
    asked: dict[int, dict[Cause, set[Task]]] = {}
    request = ReviewRequest
    query = select(request.bug_id, request.task, request.cause).where(request.bug_id.in_(bug_ids))
    for bug_id, task, cause in session.execute(query):
        if (bug_id, task) not in spoken:
            asked.setdefault(bug_id, {}).setdefault(cause, set()).add(task)
    found = []
    for bug_id, said in predictions.said_of(session, [n for n in bug_ids if n in labels]).items():
        own = labels[bug_id]
        unsure = {task for task in machine[bug_id] & said.keys() if said[task].is_unsure(own[task])}
        why = {cause: frozenset(tasks) for cause, tasks in asked.get(bug_id, {}).items()}
        found.append(Waiting(bug_id, own, said, frozenset(unsure), why))
    return found


def still_waits(session: Session, bug: Bug) -> bool:
    """Whether a field of a bug waits for a person's word; it leaves the queue when none does."""
    session.flush()
    return any(one.tasks for one in find_waiting(session, [bug.id]))
