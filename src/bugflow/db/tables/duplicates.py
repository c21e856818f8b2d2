"""Which bugs say the same: what is compared, what people decided, who else is affected."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from bugflow.db.base import Base, word
from bugflow.db.tables.bugs import Bug
from bugflow.domain.duplicates import DuplicateDecision


class BugFingerprint(Base):
    """What a bug is compared by. Replaced as a whole, so that a higher id is what a process has not taken up yet.

    Attributes:
        scheme: Names how `words` was made.
        encoder: Names what made `vector`; both are empty until a worker has read the bug for its meaning.
    """

    __tablename__ = "bug_fingerprint"
    __table_args__ = (
        Index("ix_bug_fingerprint_encoder_id", "encoder", "id"),
        {"sqlite_autoincrement": True},  # else the id of a replaced row could be given out again
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    bug_id: Mapped[int] = mapped_column(ForeignKey("bug.id"), index=True)
    scheme: Mapped[str] = mapped_column(String(20))
    encoder: Mapped[str | None] = mapped_column(String(80))
    words: Mapped[bytes] = mapped_column(LargeBinary)
    vector: Mapped[bytes | None] = mapped_column(LargeBinary)


class DuplicateLink(Base):
    """A bug that repeats another one, as a person said. The other one never repeats a third: links go to the root."""

    __tablename__ = "duplicate_link"

    bug_id: Mapped[int] = mapped_column(ForeignKey("bug.id"), primary_key=True, autoincrement=False)
    root_id: Mapped[int] = mapped_column(ForeignKey("bug.id"), index=True)
    actor_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[datetime]

    bug: Mapped[Bug] = relationship(lazy="raise", foreign_keys=bug_id)
    root: Mapped[Bug] = relationship(lazy="raise", foreign_keys=root_id)


class DuplicateVerdict(Base):
    """One word of a person on two bugs; rows are only added, the newest of a pair counts. Training learns from them.

    Attributes:
        probability: What the machine had said of the pair, if it had suggested it.
    """

    __tablename__ = "duplicate_verdict"
    __table_args__ = (Index("ix_duplicate_verdict_bug_id_other_id", "bug_id", "other_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    bug_id: Mapped[int] = mapped_column(ForeignKey("bug.id"))
    other_id: Mapped[int] = mapped_column(ForeignKey("bug.id"), index=True)
    decision: Mapped[DuplicateDecision] = mapped_column(word(DuplicateDecision))
    probability: Mapped[float | None]
    actor_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[datetime]


class BugFollower(Base):
    """Somebody whom a bug affects too, and who is told what becomes of it."""

    __tablename__ = "bug_follower"

    bug_id: Mapped[int] = mapped_column(ForeignKey("bug.id"), primary_key=True, autoincrement=False)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), primary_key=True, autoincrement=False, index=True)
    created_at: Mapped[datetime]
