"""Bugs and their history."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from bugflow.db.base import Base, word
from bugflow.db.tables.accounts import User
from bugflow.db.tables.teams import Project, Team
from bugflow.domain.bugs import EventKind, SetBy, Status
from bugflow.domain.predictions import Severity


class Bug(Base):
    """A report and where it stands.

    Attributes:
        severity_set_by, team_set_by: Once `person`, the machine never changes the value again.
        severity_rank: 0 to 3, so that sorting by severity is sorting by a number.
        needs_review: A person is to look: the machine was not sure of a value that nobody has confirmed yet, or a
            `ReviewRequest` waits for an answer.
        version: Grows by one with each change; the ETag.
    """

    __tablename__ = "bug"
    __table_args__ = (
        Index("ix_bug_created_at_id", "created_at", "id"),
        Index("ix_bug_updated_at_id", "updated_at", "id"),
        Index("ix_bug_severity_rank_id", "severity_rank", "id"),
        Index("ix_bug_status_created_at", "status", "created_at", "id"),
        Index("ix_bug_team_id_created_at", "team_id", "created_at", "id"),
        Index("ix_bug_project_id_created_at", "project_id", "created_at", "id"),
        Index("ix_bug_assigned_to_id_created_at", "assigned_to_id", "created_at", "id"),
        Index("ix_bug_reporter_id_created_at", "reporter_id", "created_at", "id"),
        Index("ix_bug_needs_review_created_at", "needs_review", "created_at", "id"),
        # Statistics read all bugs; from this index alone, not from the pages that hold the texts.
        Index(
            "ix_bug_statistics",
            *("status", "severity", "team_id", "needs_review", "assigned_to_id", "created_at", "resolved_at"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(300))
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    status: Mapped[Status] = mapped_column(word(Status), default=Status.OPEN)
    severity: Mapped[Severity] = mapped_column(word(Severity))
    severity_rank: Mapped[int]
    severity_set_by: Mapped[SetBy] = mapped_column(word(SetBy))
    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"))
    team_set_by: Mapped[SetBy] = mapped_column(word(SetBy))
    needs_review: Mapped[bool] = mapped_column(default=False)
    reporter_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    assigned_to_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)
    # Last: SQLite walks over what stands before a column, and descriptions are long.
    description: Mapped[str] = mapped_column(Text)

    project: Mapped[Project] = relationship(lazy="raise")
    team: Mapped[Team] = relationship(lazy="raise")
    reporter: Mapped[User] = relationship(lazy="raise", foreign_keys=reporter_id)
    assigned_to: Mapped[User | None] = relationship(lazy="raise", foreign_keys=assigned_to_id)


class BugEvent(Base):
    """One thing that happened to a bug. Rows are only ever added; a trigger refuses anything else.

    For `changed`, `corrected` and `confirmed`, `field` went from `old_value` to `new_value`.
    """

    __tablename__ = "bug_event"
    __table_args__ = (
        Index("ix_bug_event_bug_id_id", "bug_id", "id"),
        Index("ix_bug_event_kind_created_at", "kind", "created_at", "bug_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    bug_id: Mapped[int] = mapped_column(ForeignKey("bug.id"))
    kind: Mapped[EventKind] = mapped_column(word(EventKind))
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    field: Mapped[str | None] = mapped_column(String(30))
    old_value: Mapped[str | None] = mapped_column(Text)
    new_value: Mapped[str | None] = mapped_column(Text)
    note: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]

    actor: Mapped[User | None] = relationship(lazy="raise")


class ImportedBug(Base):
    """Which bug came from which row of which source: a second import of the same file adds nothing."""

    __tablename__ = "imported_bug"
    __table_args__ = (UniqueConstraint("source", "external_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(String(80))
    external_id: Mapped[str] = mapped_column(String(200))
    bug_id: Mapped[int] = mapped_column(ForeignKey("bug.id"), index=True)
