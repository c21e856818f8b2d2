"""Comparisons of two models over HTTP."""

from fastapi import APIRouter, Request, Response, status

from bugflow.api.deps import Cursor, Limit, Now, ReadSession, RowId, RuntimeDep, WriteSession, link_next
from bugflow.api.registry import ModelManager, ModelReader
from bugflow.schemas.experiments import ExperimentCreate, ExperimentPage, ExperimentRead, ExperimentStop
from bugflow.services.experiments import deciding, measuring

v1 = APIRouter(prefix="/experiments", tags=["models"])


@v1.get("")
def list_experiments(
    _actor: ModelReader,
    session: ReadSession,
    request: Request,
    response: Response,
    now: Now,
    cursor: Cursor = None,
    limit: Limit = 25,
) -> ExperimentPage:
    """Comparisons of two models, newest first; those that run as they stand now."""
    page = measuring.list_experiments(session, cursor=cursor, limit=limit, now=now)
    link_next(request, response, page)
    return page


@v1.post("", status_code=status.HTTP_201_CREATED)
def start_experiment(
    body: ExperimentCreate, actor: ModelManager, session: WriteSession, runtime: RuntimeDep, now: Now
) -> ExperimentRead:
    """Hold a registered model against the champion: silently, or for half of the bugs."""
    return deciding.start_experiment(session, runtime.shelf, body, actor=actor, now=now)


@v1.get("/{experiment_id}")
def get_experiment(experiment_id: RowId, _actor: ModelReader, session: ReadSession, now: Now) -> ExperimentRead:
    """One comparison: what both were worth on the same bugs, and who won."""
    return measuring.get_experiment(session, experiment_id, now=now)


@v1.post("/{experiment_id}/stop")
def stop_experiment(
    experiment_id: RowId, body: ExperimentStop, actor: ModelManager, session: WriteSession, now: Now
) -> ExperimentRead:
    """End a comparison before anyone won; the champion answers on."""
    return deciding.stop_experiment(session, experiment_id, actor=actor, reason=body.reason, now=now)
