"""A retraining as a durable workflow: killed in any step, it goes on with that step."""

from collections.abc import Callable
from typing import Any, TypeAlias

import structlog
from dbos import DBOS
from dbos import error as dbos_errors

from bugflow.domain.predictions import Task
from bugflow.errors import BugFlowError, DatabaseUnavailable, Invalid, StoreUnavailable
from bugflow.runtime import Runtime
from bugflow.services.training import steps
from bugflow.worker.learning import fit_apart
from bugflow.worker.tracking import track

log = structlog.get_logger()

AGAIN: dict[str, Any] = {  # a database or a store that is gone for a moment ends no run
    "retries_allowed": True,
    "max_attempts": 5,
    "should_retry": lambda error: isinstance(error, DatabaseUnavailable | StoreUnavailable),
}

Evidence: TypeAlias = dict[str, dict[str, Any]]
"""By task what the gate judges by."""


def make_workflow(runtime: Runtime) -> Callable[[int], None]:
    """Register the workflow and its steps with the jobs of this process; it is called with the id of a run."""

    @DBOS.step(name="plan_retraining", **AGAIN)
    def plan(run_id: int) -> list[str]:
        return steps.plan(runtime.database, runtime.shelf, run_id)

    @DBOS.step(name="fit_model", **AGAIN)
    def fit(run_id: int, task: str) -> dict[str, Any] | None:
        return fit_apart(runtime.settings, runtime.shelf, run_id, Task(task), now=runtime.clock())

    @DBOS.step(name="judge_model", **AGAIN)
    def decide(run_id: int, task: str, found: dict[str, Any]) -> bool:
        return steps.decide(runtime.database, runtime.shelf, run_id, Task(task), found, now=runtime.clock())

    @DBOS.step(name="conclude_retraining", **AGAIN)
    def conclude(run_id: int, evidence: Evidence) -> None:
        promote = runtime.settings.promote_automatically
        steps.conclude(runtime.database, runtime.shelf, run_id, promote=promote, now=runtime.clock())
        track(runtime, run_id, evidence)

    @DBOS.step(name="fail_retraining", **AGAIN)
    def fail(run_id: int, evidence: Evidence, reason: str, *, refused: bool) -> None:
        steps.fail(runtime.database, run_id, reason, refused=refused, now=runtime.clock())
        track(runtime, run_id, evidence)

    @DBOS.workflow(name="retrain")
    def retrain(run_id: int) -> None:
        evidence: Evidence = {}
        try:
            for task in plan(run_id):
                found = fit(run_id, task)
                if found is None:
                    return
                decide(run_id, task, found)
                evidence[task] = found
            conclude(run_id, evidence)
        except Exception as error:
            log.warning("retraining.failed", run_id=run_id, exc_info=True)
            reason, refused = _explain(error)
            fail(run_id, evidence, reason, refused=refused)

    return retrain


def _explain(error: Exception) -> tuple[str, bool]:
    """Why a run cannot go on, for people, and whether what it should learn from is at fault."""
    cause = error.errors[-1] if isinstance(error, dbos_errors.DBOSMaxStepRetriesExceeded) else error
    reason = str(cause) if isinstance(cause, BugFlowError) else f"{type(cause).__name__}, see the log."
    return reason, isinstance(cause, Invalid)
