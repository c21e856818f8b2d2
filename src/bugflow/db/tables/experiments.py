"""Two models on live bugs: which are compared, and what the one that was not shown said."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from bugflow.db.base import Base, word
from bugflow.db.tables.accounts import User
from bugflow.domain.experiments import ExperimentKind, Winner
from bugflow.domain.predictions import Task

_RUNNING = text("ended_at IS NULL")


class Experiment(Base):
    """One comparison of two models; of a task one at a time.

    Attributes:
        share: Of the bugs, for which the challenger answers.
        n_most: It ends after so many bugs without a winner.
        outcome: What came of it, in words; empty while it runs.
        figures: The comparison as it was when it ended.
    """

    __tablename__ = "experiment"
    __table_args__ = (
        Index("ux_experiment_task", "task", unique=True, sqlite_where=_RUNNING, postgresql_where=_RUNNING),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    task: Mapped[Task] = mapped_column(word(Task))
    kind: Mapped[ExperimentKind] = mapped_column(word(ExperimentKind))
    champion: Mapped[str] = mapped_column(ForeignKey("model.name"))
    challenger: Mapped[str] = mapped_column(ForeignKey("model.name"))
    share: Mapped[float]
    n_most: Mapped[int]
    reason: Mapped[str] = mapped_column(Text)
    winner: Mapped[Winner | None] = mapped_column(word(Winner))
    outcome: Mapped[str] = mapped_column(Text)
    figures: Mapped[dict[str, Any]]
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    actor: Mapped[User | None] = relationship(lazy="raise")


class SilentPrediction(Base):
    """What the other model of an experiment said of a bug, unseen. Never changed."""

    __tablename__ = "silent_prediction"
    __table_args__ = (Index("ux_silent_prediction_experiment_id_bug_id", "experiment_id", "bug_id", unique=True),)

    id: Mapped[int] = mapped_column(primary_key=True)
    experiment_id: Mapped[int] = mapped_column(ForeignKey("experiment.id"))
    bug_id: Mapped[int] = mapped_column(ForeignKey("bug.id"))
    label: Mapped[str] = mapped_column(String(80))
    confidence: Mapped[float]
    model_version: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]
