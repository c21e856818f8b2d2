"""Models, retraining and promises over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response, status

from bugflow.api.deps import Cursor, Limit, May, Now, ReadSession, RowId, RuntimeDep, WriteSession, link_next
from bugflow.domain.accounts import Action, Actor
from bugflow.domain.registry import Trigger
from bugflow.schemas.registry import (
    CardRead,
    ModelDetail,
    ModelRead,
    PromiseChange,
    PromiseRead,
    Promotion,
    RunDetail,
    RunPage,
    StepBack,
)
from bugflow.services import promises, registry, retraining

v1 = APIRouter(tags=["models"])

ModelReader = Annotated[Actor, Depends(May(Action.READ_MODELS))]
ModelManager = Annotated[Actor, Depends(May(Action.MANAGE_MODELS))]
ModelName = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,62}-[1-9][0-9]{0,8}$")]


@v1.get("/models")
def list_models(_actor: ModelReader, session: ReadSession) -> list[ModelRead]:
    """Every model that was registered, newest first."""
    return registry.list_models(session)


@v1.get("/models/{name}")
def get_model(name: ModelName, _actor: ModelReader, session: ReadSession) -> ModelDetail:
    """One model with its history and what the gate said of it."""
    return registry.get_model(session, name)


@v1.get("/models/{name}/card")
def get_card(name: ModelName, _actor: ModelReader, runtime: RuntimeDep) -> CardRead:
    """What a model is, what it learned from, and where it fails."""
    return registry.read_card(runtime.shelf, name)


@v1.post("/models/{name}/promote")
def promote(
    name: ModelName, body: Promotion, actor: ModelManager, session: WriteSession, runtime: RuntimeDep, now: Now
) -> ModelDetail:
    """Let a model answer from now on; every process takes it up within seconds."""
    return registry.promote(session, runtime.shelf, name, actor=actor, reason=body.reason, now=now)


@v1.post("/models/rollback")
def roll_back(body: StepBack, actor: ModelManager, session: WriteSession, runtime: RuntimeDep, now: Now) -> ModelDetail:
    """Let the former champion of a task answer again."""
    return registry.roll_back(session, runtime.shelf, body.task, actor=actor, reason=body.reason, now=now)


@v1.get("/retraining")
def list_runs(
    _actor: ModelReader,
    session: ReadSession,
    request: Request,
    response: Response,
    cursor: Cursor = None,
    limit: Limit = 25,
) -> RunPage:
    """Retraining runs, newest first."""
    page = retraining.list_runs(session, cursor=cursor, limit=limit)
    link_next(request, response, page)
    return page


@v1.post("/retraining", status_code=status.HTTP_202_ACCEPTED)
def retrain(actor: ModelManager, session: WriteSession, now: Now) -> RunDetail:
    """Begin a retraining, or join the one that waits or runs."""
    run = retraining.request_retraining(session, Trigger.MANUAL, actor=actor, now=now)
    return retraining.get_run(session, run.id)


@v1.get("/retraining/{run_id}")
def get_run(run_id: RowId, _actor: ModelReader, session: ReadSession) -> RunDetail:
    """One retraining: what it does, what it learned from, what the gate said."""
    return retraining.get_run(session, run_id)


@v1.post("/retraining/{run_id}/cancel")
def cancel_run(run_id: RowId, actor: ModelManager, session: WriteSession, now: Now) -> RunDetail:
    """Give up a retraining before its next step; what answers stays as it is."""
    return retraining.cancel_retraining(session, run_id, actor=actor, now=now)


@v1.get("/promise")
def list_promises(_actor: ModelReader, session: ReadSession, runtime: RuntimeDep) -> list[PromiseRead]:
    """What is promised for each field, and on which share of reports each promise would let the machine act."""
    return promises.list_promises(session, runtime.predictor)


@v1.put("/promise")
def change_promise(
    body: PromiseChange, actor: ModelManager, session: WriteSession, runtime: RuntimeDep, now: Now
) -> list[PromiseRead]:
    """Ask for another precision; every process takes it up within seconds."""
    return promises.change_promise(session, runtime.predictor, body, actor=actor, now=now)
