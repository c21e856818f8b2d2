"""What people said of bugs that say nearly the same, until a model has learned it."""

from collections.abc import Mapping

from sqlalchemy import func, select

from bugflow.db.engine import Database
from bugflow.db.tables import Feedback
from bugflow.domain.feedback import FeedbackKind
from bugflow.domain.predictions import BugText, Task
from bugflow.ml.duplicates.index import POOL
from bugflow.ml.duplicates.search import DuplicateSearch
from bugflow.ml.live import NEAR, Recall, Remembered
from bugflow.ml.text import clean

RIGHT = 0.96  # how often a memory is, see `NEAR`
REMEMBERED = frozenset({Task.TEAM})
"""Of severities the nearest had the same in half of the cases, whatever the cosine: people disagree on them."""


def follow(database: Database, search: DuplicateSearch) -> Recall:
    """What remembers: asked for a text, it looks among the bugs nearest in meaning."""

    def recall(text: BugText, since: Mapping[Task, int]) -> Mapping[Task, Remembered]:
        wanted = REMEMBERED & since.keys()
        near = [n for n, cosine in search.nearest(clean(text), n=POOL) if cosine >= NEAR] if wanted else []
        if not near:
            return {}
        newest = select(func.max(Feedback.id)).where(Feedback.bug_id.in_(near), Feedback.task.in_(wanted))
        query = select(Feedback.bug_id, Feedback.task, Feedback.label, Feedback.id).where(
            Feedback.id.in_(newest.group_by(Feedback.bug_id, Feedback.task)), Feedback.kind != FeedbackKind.OVERRIDE
        )
        with database.read() as session:
            said = {(n, task): label for n, task, label, word in session.execute(query) if word > since[task]}
        found = {}
        for task in wanted:
            twins = [n for n in near if (n, task) in said]
            if len({said[n, task] for n in twins}) == 1:  # where people contradict one another, nothing is remembered
                found[task] = Remembered(said[twins[0], task], twins[0], RIGHT)
        return found

    return recall
