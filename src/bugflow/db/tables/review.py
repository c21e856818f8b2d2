"""What people were asked to look at, beyond what the machine was not sure of."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from bugflow.db.base import Base, word
from bugflow.db.tables.bugs import Bug  # noqa: F401 - the table that the keys point to
from bugflow.domain.predictions import Task
from bugflow.domain.review import Cause


class ReviewRequest(Base):
    """A person is to look at one field of a bug. Rows are only added; a PM's word on the field answers them.

    Attributes:
        feedback_id: The word that made a near twin's suggestion doubtful; None for a spot check.
    """

    __tablename__ = "review_request"
    __table_args__ = (Index("ix_review_request_cause_bug_id", "cause", "bug_id"),)

    bug_id: Mapped[int] = mapped_column(ForeignKey("bug.id"), primary_key=True, autoincrement=False)
    task: Mapped[Task] = mapped_column(word(Task), primary_key=True)
    cause: Mapped[Cause] = mapped_column(word(Cause), primary_key=True)
    feedback_id: Mapped[int | None] = mapped_column(ForeignKey("feedback.id"))
    created_at: Mapped[datetime]
