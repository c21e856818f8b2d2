"""What a retraining learns: what people said, and bugs on which nobody objected."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.db.tables import Bug, Project, Team
from bugflow.domain.bugs import SetBy, Status
from bugflow.domain.feedback import FeedbackKind
from bugflow.domain.predictions import BugText, Task
from bugflow.services import feedback, pins

N_UNTOUCHED = 1_000  # newest bugs that nobody corrected; the encoder reads 150 a second
UNTOUCHED_WEIGHT = 0.2  # of a word of a person: nobody objected, perhaps because nobody looked
OVERRIDE_WEIGHT = 0.5  # what reporters choose is a weaker word than a PM's
MOST_OF_ONE = 100  # words of one PM; what goes beyond counts only as far as others have said as much


@dataclass(frozen=True, slots=True)
class Lesson:
    """One bug as a retraining learns it.

    Attributes:
        spoken: Whether a person spoke on it since the champion learned.
        accepted: Whether people confirmed what was predicted, or resolved the bug and left it alone.
        pinned: Whether every later model must get it right.
    """

    bug_id: int
    text: BugText
    label: str
    weight: float
    spoken: bool
    accepted: bool
    pinned: bool = False


def find_lessons(session: Session, task: Task, *, up_to: int, since: int) -> list[Lesson]:
    """What people said, and beside it the newest bugs that nobody corrected, in the order of reporting."""
    rows = feedback.find_training_rows(session, task, up_to=up_to)
    capped, pinned = cap_weights(rows), pins.find_pinned_bugs(session, task)
    found = [
        (
            row.created_at,
            row.bug_id,
            Lesson(
                row.bug_id,
                BugText(row.title, row.description, row.project),
                row.label,
                weight,
                spoken=row.feedback_id > since,
                accepted=row.kind is FeedbackKind.CONFIRMATION,
                pinned=row.bug_id in pinned,
            ),
        )
        for row, weight in zip(rows, capped, strict=True)
    ]
    set_by, label = (Bug.severity_set_by, Bug.severity) if task is Task.SEVERITY else (Bug.team_set_by, Team.name)
    query = (
        select(Bug.created_at, Bug.id, Bug.status, label, Bug.title, Bug.description, Project.name)
        .join(Bug.project)
        .join(Bug.team)
        .where(set_by == SetBy.MACHINE)
        .order_by(Bug.id.desc())
        .limit(N_UNTOUCHED)
    )
    for created_at, bug_id, status, name, *text in session.execute(query).all():
        done = status is Status.RESOLVED
        lesson = Lesson(bug_id, BugText(*text), str(name), UNTOUCHED_WEIGHT, spoken=False, accepted=done)
        found.append((created_at, bug_id, lesson))
    return [lesson for _, _, lesson in sorted(found, key=lambda entry: entry[:2])]


def cap_weights(rows: Sequence[feedback.TrainingRow]) -> list[float]:
    """What each word counts: no PM more than `MOST_OF_ONE` words in all, or than all other PMs together.

    Where one PM alone has spoken, nothing is capped: there is nobody else to hold it against.
    """
    plain = [OVERRIDE_WEIGHT if row.kind is FeedbackKind.OVERRIDE else 1.0 for row in rows]
    n_said = Counter(row.actor_id for row in rows if row.kind is not FeedbackKind.OVERRIDE)
    total = n_said.total()
    most = {pm: max(MOST_OF_ONE, total - n) / n if n < total else 1.0 for pm, n in n_said.items()}
    return [
        weight if row.kind is FeedbackKind.OVERRIDE else weight * min(1.0, most[row.actor_id])
        for row, weight in zip(rows, plain, strict=True)
    ]
