"""What serving processes are to answer with: champions, promises, comparisons, and what people said since."""

from collections.abc import Callable

from sqlalchemy import func, select

from bugflow.db.engine import Database
from bugflow.db.tables import Feedback, ModelRow
from bugflow.domain.predictions import Task
from bugflow.errors import BugFlowError
from bugflow.ml.live import Challenger, Champion, Standing
from bugflow.ml.shelf import Shelf
from bugflow.services import registry
from bugflow.services.experiments import measuring
from bugflow.services.promises import find_promises

_NEWEST_WORDS = select(Feedback.task, func.max(Feedback.id)).group_by(Feedback.task)


def follow(database: Database, shelf: Shelf) -> Callable[[], Standing]:
    """What tells which models are to answer now, in a short transaction of its own.

    A model that another host made is fetched after it.
    """

    def find() -> Standing:
        with database.read() as session:
            promoted = registry.find_champions(session)
            promises = find_promises(session)
            learned = registry.learned_words(session)
            newest = {task: word for task, word in session.execute(_NEWEST_WORDS).all()}  # noqa: C416 - rows, not pairs
            compared = [(row, session.get_one(ModelRow, row.challenger)) for row in measuring.find_running(session)]
        champions = {task: Champion(path) for task in Task if (path := shelf.find_first(task)) is not None}
        champions |= {task: _place(shelf, row) for task, row in promoted.items()}
        challengers = {row.task: Challenger(row.id, _place(shelf, model), row.share) for row, model in compared}
        unlearned = {task: learned.get(task, 0) for task, word in newest.items() if word > learned.get(task, 0)}
        return Standing(champions, promises, unlearned, challengers)

    return find


def _place(shelf: Shelf, row: ModelRow) -> Champion:
    try:
        return Champion(shelf.get(row.name, manifest_hash=row.manifest_hash), row.manifest_hash)
    except BugFlowError as error:  # asked for again each time, because a store comes back
        return Champion(shelf.own / row.name, row.manifest_hash, problem=str(error))
