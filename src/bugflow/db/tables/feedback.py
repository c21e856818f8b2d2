"""What people said about predictions."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from bugflow.db.base import Base, word
from bugflow.db.tables.accounts import User
from bugflow.db.tables.bugs import Bug
from bugflow.domain.feedback import FeedbackKind
from bugflow.domain.predictions import Task


class Feedback(Base):
    """One word of a person on one predicted field. Rows are only added; the newest of a bug and task counts.

    Attributes:
        predicted: What the machine had said when the bug was filed.
        old_label: What the bug had before; `label` is what it has since.
    """

    __tablename__ = "feedback"
    __table_args__ = (
        Index("ix_feedback_bug_id_task_id", "bug_id", "task", "id"),
        Index("ix_feedback_created_at", "created_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    bug_id: Mapped[int] = mapped_column(ForeignKey("bug.id"))
    prediction_id: Mapped[int | None] = mapped_column(ForeignKey("prediction.id"))
    task: Mapped[Task] = mapped_column(word(Task))
    kind: Mapped[FeedbackKind] = mapped_column(word(FeedbackKind))
    predicted: Mapped[str] = mapped_column(String(80))
    old_label: Mapped[str] = mapped_column(String(80))
    label: Mapped[str] = mapped_column(String(80))
    reason: Mapped[str | None] = mapped_column(Text)
    actor_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[datetime]

    bug: Mapped[Bug] = relationship(lazy="raise")
    actor: Mapped[User] = relationship(lazy="raise")
