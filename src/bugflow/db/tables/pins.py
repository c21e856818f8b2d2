"""Bugs that a PM wants every model to get right."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from bugflow.db.base import Base, word
from bugflow.db.tables.accounts import User
from bugflow.db.tables.bugs import Bug
from bugflow.domain.predictions import Task


class PinRow(Base):
    """A PM pinned or unpinned one field of a bug. Rows are only added; the newest of a bug and task counts.

    Attributes:
        is_pinned: False takes the pin away.
    """

    __tablename__ = "pin"
    __table_args__ = (Index("ix_pin_bug_id_task_id", "bug_id", "task", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    bug_id: Mapped[int] = mapped_column(ForeignKey("bug.id"))
    task: Mapped[Task] = mapped_column(word(Task))
    is_pinned: Mapped[bool]
    reason: Mapped[str | None] = mapped_column(Text)
    actor_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[datetime]

    bug: Mapped[Bug] = relationship(lazy="raise")
    actor: Mapped[User] = relationship(lazy="raise")
