"""Which models answer: registering, promoting, going back, and what the PM promises."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from bugflow.db.queries import insert_new
from bugflow.db.tables import GateVerdict, ModelRow, ModelStage
from bugflow.domain.accounts import Actor
from bugflow.domain.audit import AuditAction
from bugflow.domain.experiments import ExperimentKind
from bugflow.domain.predictions import Task
from bugflow.domain.registry import Stage
from bugflow.errors import AlreadyChampion, NotFound, NothingToGoBackTo, NotPassed
from bugflow.ml.artifact import load_artifact
from bugflow.ml.shelf import Shelf, hash_manifest
from bugflow.schemas.base import Named
from bugflow.schemas.registry import (
    CardRead,
    GateRule,
    ModelDetail,
    ModelRead,
    StageRead,
    VerdictRead,
)
from bugflow.services import audit
from bugflow.services.experiments import measuring

_LEARNED_WORDS = (  # also by a model that was gone back from: then the old answers are wanted, not these words
    select(ModelRow.task, func.max(ModelRow.up_to_feedback_id))
    .join(ModelStage, ModelStage.model == ModelRow.name)
    .where(ModelStage.stage == Stage.CHAMPION)
    .group_by(ModelRow.task)
)


def learned_words(session: Session) -> dict[Task, int]:
    """For each task up to which word of people a model has learned that once answered; not in it: none has."""
    return {task: word for task, word in session.execute(_LEARNED_WORDS).all()}  # noqa: C416 - rows, not pairs


def adopt_first(session: Session, shelf: Shelf, task: Task, *, now: datetime) -> ModelRow:
    """The champion of a task; one that nobody registered yet, because it came with BugFlow, is registered.

    Raises:
        NotFound: There is no model of the task at all.
    """
    champion = find_champions(session).get(task)
    if champion is not None:
        return champion
    path = shelf.find_first(task)
    if path is None:
        raise NotFound(what="model of the task", key=task.value)
    row = register(session, path.name, task, base="", run_id=None, shelf=shelf, up_to=0, figures={}, now=now)
    _enter(session, row, Stage.CHAMPION, reason="It answered from the start.", actor_id=None, now=now)
    return row


def register(
    session: Session,
    name: str,
    task: Task,
    *,
    base: str,
    run_id: int | None,
    shelf: Shelf,
    up_to: int,
    figures: Mapping[str, Any],
    now: datetime,
) -> ModelRow:
    """Write down a model that lies on the shelf; once."""
    values = {
        "name": name,
        "task": task,
        "base": base,
        "run_id": run_id,
        "manifest_hash": hash_manifest(shelf.get(name)),
        "up_to_feedback_id": up_to,
        "figures": dict(figures),
        "created_at": now,
    }
    if insert_new(session, ModelRow, values):
        audit.record(
            session,
            AuditAction.MODEL_REGISTERED,
            actor_id=None,
            subject=f"model:{name}",
            now=now,
            base=base,
            run=run_id,
        )
    return session.get_one(ModelRow, name)


def promote(
    session: Session, shelf: Shelf, name: str, *, actor: Actor | None, reason: str, now: datetime
) -> ModelDetail:
    """Let a model answer from now on; every process takes it up within seconds.

    The former one goes on answering silently, and comes back if the new one turns out to be worse.

    Args:
        actor: None: the machine, because the gate passed.

    Raises:
        NotFound: There is no such model.
        AlreadyChampion: It answers already.
        NotPassed: The gate refused it, and it never answered before.
    """
    row = session.get(ModelRow, name)
    if row is None:
        raise NotFound(what="model", key=name)
    champion = adopt_first(session, shelf, row.task, now=now)
    if champion.name == name:
        raise AlreadyChampion(name=name)
    demand_passed(session, name)
    _exchange(session, champion, row, reason=reason, actor=actor, now=now)
    measuring.begin(
        session,
        row.task,
        ExperimentKind.PROBATION,
        champion=row.name,
        challenger=champion.name,
        reason=f"{row.name} has just been promoted.",
        now=now,
    )
    action = AuditAction.MODEL_PROMOTED
    audit.record(
        session, action, actor_id=actor.id if actor else None, subject=f"model:{name}", now=now, former=champion.name
    )
    return get_model(session, name)


def demand_passed(session: Session, name: str) -> None:
    """Let pass a model that may answer.

    Raises:
        NotPassed: The gate refused it, and it never answered before.
    """
    verdict = _verdict_of(session, name)
    if verdict is not None and not verdict.passed and not _was_champion(session, name):
        failed = next(str(rule["text"]) for rule in verdict.rules if not rule["passed"])
        raise NotPassed(name=name, reason=failed)


def roll_back(
    session: Session, shelf: Shelf, task: Task, *, actor: Actor | None, reason: str, now: datetime
) -> ModelDetail:
    """Let the former champion of a task answer again.

    Raises:
        NothingToGoBackTo: No other model has answered for it.
    """
    champion = adopt_first(session, shelf, task, now=now)
    former = session.scalar(
        select(ModelRow)
        .join(ModelStage, ModelStage.model == ModelRow.name)
        .where(ModelStage.task == task, ModelStage.stage == Stage.CHAMPION, ModelStage.model != champion.name)
        .order_by(ModelStage.id.desc())
        .limit(1)
    )
    if former is None:
        raise NothingToGoBackTo(task=task.value)
    _exchange(session, champion, former, reason=reason, actor=actor, now=now)
    audit.record(
        session,
        AuditAction.MODEL_ROLLED_BACK,
        actor_id=actor.id if actor else None,
        subject=f"model:{former.name}",
        now=now,
        former=champion.name,
    )
    return get_model(session, former.name)


def note_candidate(session: Session, row: ModelRow, *, reason: str, now: datetime) -> None:
    """Write down that a model was trained and judged; once."""
    known = session.scalar(select(ModelStage.id).where(ModelStage.model == row.name).limit(1))
    if known is None:
        _enter(session, row, Stage.CANDIDATE, reason=reason, actor_id=None, now=now)


def find_champions(session: Session) -> dict[Task, ModelRow]:
    """The models that were promoted to answer, by task; of the others the first one answers."""
    newest = select(func.max(ModelStage.id)).where(ModelStage.stage == Stage.CHAMPION).group_by(ModelStage.task)
    query = select(ModelRow).join(ModelStage, ModelStage.model == ModelRow.name).where(ModelStage.id.in_(newest))
    return {row.task: row for row in session.scalars(query)}


def list_models(session: Session) -> list[ModelRead]:
    """Every model that was registered, newest first, with what it is now."""
    champions = {row.name for row in find_champions(session).values()}
    newest = select(func.max(ModelStage.id)).group_by(ModelStage.model)
    stages = {row.model: row for row in session.scalars(select(ModelStage).where(ModelStage.id.in_(newest)))}
    verdicts = {row.candidate: row.passed for row in session.scalars(select(GateVerdict).order_by(GateVerdict.id))}
    rows = session.scalars(select(ModelRow).order_by(ModelRow.created_at.desc(), ModelRow.name.desc()))
    return [
        _read(row, stages.get(row.name), passed=verdicts.get(row.name), is_champion=row.name in champions)
        for row in rows
    ]


def get_model(session: Session, name: str) -> ModelDetail:
    """One model with its history and what the gate said of it.

    Raises:
        NotFound: There is no such model.
    """
    row = session.get(ModelRow, name)
    if row is None:
        raise NotFound(what="model", key=name)
    query = select(ModelStage).where(ModelStage.model == name).options(joinedload(ModelStage.actor))
    history = session.scalars(query.order_by(ModelStage.id)).all()
    verdict = _verdict_of(session, name)
    champion = find_champions(session).get(row.task)
    read = _read(
        row,
        history[-1] if history else None,
        passed=verdict.passed if verdict else None,
        is_champion=champion is not None and champion.name == name,
    )
    return ModelDetail(
        **read.model_dump(),
        figures=row.figures,
        history=[
            StageRead(
                stage=stage.stage,
                reason=stage.reason,
                actor=Named.model_validate(stage.actor) if stage.actor else None,
                created_at=stage.created_at,
            )
            for stage in history
        ],
        verdict=read_verdict(verdict) if verdict else None,
    )


def read_verdict(row: GateVerdict) -> VerdictRead:
    """What the gate said, for people."""
    return VerdictRead(
        task=row.task,
        candidate=row.candidate,
        champion=row.champion,
        passed=row.passed,
        rules=[GateRule(**rule) for rule in row.rules],
        created_at=row.created_at,
    )


def read_card(shelf: Shelf, name: str) -> CardRead:
    """A model's card.

    Raises:
        NotFound: There is no such model.
        ArtifactCorrupt: It is damaged.
    """
    return CardRead(name=name, card=load_artifact(shelf.get(name)).card)


def _was_champion(session: Session, name: str) -> bool:
    query = select(ModelStage.id).where(ModelStage.model == name, ModelStage.stage == Stage.CHAMPION).limit(1)
    return session.scalar(query) is not None


def _verdict_of(session: Session, name: str) -> GateVerdict | None:
    return session.scalar(select(GateVerdict).where(GateVerdict.candidate == name).order_by(GateVerdict.id.desc()))


def _exchange(
    session: Session, champion: ModelRow, row: ModelRow, *, reason: str, actor: Actor | None, now: datetime
) -> None:
    actor_id = actor.id if actor else None
    for running in measuring.find_running(session, row.task):
        measuring.end(session, running, f"{row.name} answers now: {reason}", winner=None, now=now)
    left = f"{row.name} answers instead. {reason}"
    _enter(session, champion, Stage.RETIRED, reason=left, actor_id=actor_id, now=now)
    _enter(session, row, Stage.CHAMPION, reason=reason, actor_id=actor_id, now=now)


def _enter(session: Session, row: ModelRow, stage: Stage, *, reason: str, actor_id: int | None, now: datetime) -> None:
    session.add(
        ModelStage(model=row.name, task=row.task, stage=stage, reason=reason, actor_id=actor_id, created_at=now)
    )
    session.flush()


def _read(row: ModelRow, stage: ModelStage | None, *, passed: bool | None, is_champion: bool) -> ModelRead:
    return ModelRead(
        name=row.name,
        task=row.task,
        stage=Stage.CHAMPION if is_champion else stage.stage if stage else Stage.CANDIDATE,
        since=stage.created_at if stage else row.created_at,
        base=row.base or None,
        run_id=row.run_id,
        passed=passed,
        created_at=row.created_at,
    )
