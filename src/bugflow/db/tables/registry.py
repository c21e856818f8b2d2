"""Models as they come and go: what was trained, judged, promoted, and what the PM asked for."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from bugflow.db.base import Base, word
from bugflow.db.tables.accounts import User
from bugflow.domain.predictions import Task
from bugflow.domain.registry import RunState, Stage, Trigger


class RetrainingRun(Base):
    """One retraining.

    Attributes:
        up_to_feedback_id: It learns what people had said up to here.
        step: What it is doing, or did last.
        plan: By task the name of its model and what is learned from: counts and a hash of ids and labels.
        outcome: What came of it, in words.
    """

    __tablename__ = "retraining_run"

    id: Mapped[int] = mapped_column(primary_key=True)
    trigger: Mapped[Trigger] = mapped_column(word(Trigger))
    state: Mapped[RunState] = mapped_column(word(RunState), index=True)
    step: Mapped[str] = mapped_column(String(80))
    up_to_feedback_id: Mapped[int]
    plan: Mapped[dict[str, Any]]
    outcome: Mapped[str] = mapped_column(Text)
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    actor: Mapped[User | None] = relationship(lazy="raise")


class ModelRow(Base):
    """One model that an installation knows. Never changed.

    Attributes:
        base: What it was made from; empty for one that came with BugFlow or was put in the folder of models.
        manifest_hash: SHA-256 of its manifest, which names the hash of each of its files.
        up_to_feedback_id: It learned what people had said up to here.
        figures: What was measured when it was made.
    """

    __tablename__ = "model"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    task: Mapped[Task] = mapped_column(word(Task))
    base: Mapped[str] = mapped_column(String(80))
    run_id: Mapped[int | None] = mapped_column(ForeignKey("retraining_run.id"))
    manifest_hash: Mapped[str] = mapped_column(String(64))
    up_to_feedback_id: Mapped[int]
    figures: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class ModelStage(Base):
    """A model became something. Rows are only added; going back is one more row."""

    __tablename__ = "model_stage"
    __table_args__ = (Index("ix_model_stage_task_stage_id", "task", "stage", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    model: Mapped[str] = mapped_column(ForeignKey("model.name"), index=True)
    task: Mapped[Task] = mapped_column(word(Task))
    stage: Mapped[Stage] = mapped_column(word(Stage))
    reason: Mapped[str] = mapped_column(Text)
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[datetime]

    actor: Mapped[User | None] = relationship(lazy="raise")


class GateVerdict(Base):
    """What the gate said of a candidate, rule by rule, with the figures. Never changed."""

    __tablename__ = "gate_verdict"

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("retraining_run.id"), index=True)
    task: Mapped[Task] = mapped_column(word(Task))
    candidate: Mapped[str] = mapped_column(String(80))
    champion: Mapped[str] = mapped_column(String(80))
    passed: Mapped[bool]
    rules: Mapped[list[dict[str, Any]]]
    created_at: Mapped[datetime]


class PromiseRow(Base):
    """The precision that a PM asked for; the newest row of a task counts."""

    __tablename__ = "promise"

    id: Mapped[int] = mapped_column(primary_key=True)
    task: Mapped[Task] = mapped_column(word(Task), index=True)
    promise: Mapped[float]
    actor_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[datetime]
