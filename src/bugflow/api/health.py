"""Whether the process lives, whether it welcomes requests, what it counted."""

from contextlib import suppress
from typing import Literal

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel

from bugflow.api.bugs import MetricsDep
from bugflow.api.deps import Anyone, RuntimeDep
from bugflow.errors import DatabaseUnavailable
from bugflow.ml.duplicates.search import NoSearch
from bugflow.runtime import check_schema
from bugflow.services import deliveries

router = APIRouter(tags=["health"], dependencies=[Depends(Anyone())])


class Alive(BaseModel):
    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    """Ready for requests.

    Attributes:
        models: What answers for each task.
        problems: Why a task is answered by rules, or no duplicates are found; the product still works.
    """

    status: Literal["ready"] = "ready"
    models: dict[str, str]
    problems: dict[str, str]


@router.get("/livez")
def livez() -> Alive:
    """The process answers."""
    return Alive()


@router.get("/readyz")
def readyz(runtime: RuntimeDep) -> Ready:
    """The database answers and is at this version's migration; models are loaded or rules stand in for them."""
    check_schema(runtime.database)
    problems = {task.value: problem for task, problem in runtime.predictor.problems.items()}
    if isinstance(runtime.duplicates, NoSearch) and runtime.duplicates.problem:
        problems["duplicates"] = runtime.duplicates.problem
    return Ready(
        models={task.value: version for task, version in runtime.predictor.versions.items()},
        problems=problems,
    )


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(metrics: MetricsDep, runtime: RuntimeDep) -> Response:
    """Counters for Prometheus; those of the database stay as they were while it does not answer."""
    with suppress(DatabaseUnavailable), runtime.database.read() as session:
        n_waiting, n_given_up = deliveries.count(session)
        metrics.waiting.set(n_waiting)
        metrics.given_up.set(n_given_up)
    return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
