"""What people are told about."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from bugflow.db.base import Base, word
from bugflow.db.tables.accounts import User
from bugflow.db.tables.bugs import Bug
from bugflow.domain.notifications import NotificationKind


class Notification(Base):
    """Something one person is told.

    Attributes:
        bug_id: The bug it is of; None where it is of none.
        said: What happened, where it is of no bug.
    """

    __tablename__ = "notification"
    __table_args__ = (Index("ix_notification_user_id_read_at_id", "user_id", "read_at", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    kind: Mapped[NotificationKind] = mapped_column(word(NotificationKind))
    bug_id: Mapped[int | None] = mapped_column(ForeignKey("bug.id"))
    said: Mapped[str | None] = mapped_column(Text)
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[datetime]
    read_at: Mapped[datetime | None]

    bug: Mapped[Bug | None] = relationship(lazy="raise")
    actor: Mapped[User | None] = relationship(lazy="raise", foreign_keys=actor_id)
