"""What the machine said about each bug, and which model said it."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from bugflow.db.base import Base, word
from bugflow.domain.predictions import Decision, Source, Task


class PredictionRow(Base):
    """One predicted field of one bug, as it was said when the bug was filed. Never changed.

    Attributes:
        probabilities: Label to calibrated probability.
    """

    __tablename__ = "prediction"
    __table_args__ = (
        Index("ix_prediction_bug_id_task", "bug_id", "task"),
        Index(
            "ix_prediction_task_model_version_id", "task", "model_version", "id"
        ),  # a version's first and newest ones
        Index("ix_prediction_statistics", "task", "model_version", "decision", "created_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    bug_id: Mapped[int] = mapped_column(ForeignKey("bug.id"))
    task: Mapped[Task] = mapped_column(word(Task))
    label: Mapped[str] = mapped_column(String(80))
    confidence: Mapped[float]
    probabilities: Mapped[dict[str, Any]]
    decision: Mapped[Decision] = mapped_column(word(Decision))
    source: Mapped[Source] = mapped_column(word(Source))
    model_version: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]
