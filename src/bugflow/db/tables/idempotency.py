"""Which Idempotency-Key already led to which bug."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from bugflow.db.base import Base


class IdempotencyKey(Base):
    """A key of one person. `request_hash` tells a repetition from another request under the same key."""

    __tablename__ = "idempotency_key"
    __table_args__ = (Index("ix_idempotency_key_created_at", "created_at"),)

    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    request_hash: Mapped[str] = mapped_column(String(64))
    bug_id: Mapped[int | None] = mapped_column(ForeignKey("bug.id"))
    created_at: Mapped[datetime]
