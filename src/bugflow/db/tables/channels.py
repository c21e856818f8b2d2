"""Channels, and what is to be said through them."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from bugflow.db.base import Base, word
from bugflow.db.tables.accounts import User
from bugflow.db.tables.bugs import Bug
from bugflow.db.tables.teams import Team
from bugflow.domain.channels import ChannelKind, DeliveryState, Rhythm
from bugflow.domain.notifications import NotificationKind


class Channel(Base):
    """A way to tell a person or a team.

    Attributes:
        address: Where to, with all secrets in it; never leaves the database but to send.
        shown: The address as people see it.
        wanted: Kinds of notification; none lets the channel rest.
        turn: How often a worker began to deliver here; the newest turn is the one that may.
        turn_until: When another worker may take over.
        next_at: Not before this, after a failure.
        problem: Why the last attempt failed; None once one worked.
        n_given_up: What was never delivered.
    """

    __tablename__ = "channel"
    __table_args__ = (CheckConstraint("(user_id IS NULL) <> (team_id IS NULL)", name="one_owner"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"), index=True)
    team_id: Mapped[int | None] = mapped_column(ForeignKey("team.id"), index=True)
    kind: Mapped[ChannelKind] = mapped_column(word(ChannelKind))
    name: Mapped[str] = mapped_column(String(80))
    address: Mapped[str] = mapped_column(Text)
    shown: Mapped[str] = mapped_column(String(400))
    wanted: Mapped[list[str]]
    rhythm: Mapped[Rhythm] = mapped_column(word(Rhythm))
    created_at: Mapped[datetime]
    turn: Mapped[int] = mapped_column(default=0)
    turn_until: Mapped[datetime | None]
    next_at: Mapped[datetime | None]
    n_failures: Mapped[int] = mapped_column(default=0)
    failing_since: Mapped[datetime | None]
    problem: Mapped[str | None] = mapped_column(String(500))
    n_given_up: Mapped[int] = mapped_column(default=0)
    delivered_at: Mapped[datetime | None]

    user: Mapped[User | None] = relationship(lazy="raise")
    team: Mapped[Team | None] = relationship(lazy="raise")


class Delivery(Base):
    """One event that is to be said through one channel; without a kind it is a test.

    Attributes:
        notification_id: What the person sees in the app; None for a team and for a test.
        said: What happened, where it is of no bug.
        message_key: The message that it became part of; the same at each attempt, so that a receiver can tell.
        tried_at: When that was first tried.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("channel_id", "notification_id"),
        Index("ix_delivery_state_channel_id_id", "state", "channel_id", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    channel_id: Mapped[int] = mapped_column(ForeignKey("channel.id", ondelete="CASCADE"))
    notification_id: Mapped[int | None] = mapped_column(ForeignKey("notification.id", ondelete="SET NULL"))
    kind: Mapped[NotificationKind | None] = mapped_column(word(NotificationKind))
    bug_id: Mapped[int | None] = mapped_column(ForeignKey("bug.id"))
    said: Mapped[str | None] = mapped_column(Text)
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    state: Mapped[DeliveryState] = mapped_column(word(DeliveryState))
    message_key: Mapped[str | None] = mapped_column(String(32), index=True)
    created_at: Mapped[datetime]
    tried_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]

    bug: Mapped[Bug | None] = relationship(lazy="raise")
    actor: Mapped[User | None] = relationship(lazy="raise", foreign_keys=actor_id)
