"""A retraining as a durable workflow: killed in any step, it goes on with that step."""

from collections.abc import Callable
from typing import Any

import structlog
from dbos import DBOS

from bugflow.domain.predictions import Task
from bugflow.errors import BugFlowError, DatabaseUnavailable, Invalid
from bugflow.runtime import Runtime
from bugflow.services.training import steps

log = structlog.get_logger()

AGAIN: dict[str, Any] = {  # a database that is gone for a moment ends no run
    "retries_allowed": True,
    "max_attempts": 5,
    "should_retry": lambda error: isinstance(error, DatabaseUnavailable),
}


def make_workflow(runtime: Runtime) -> Callable[[int], None]:
    """Register the workflow and its steps with the jobs of this process; it is called with the id of a run."""

    @DBOS.step(name="plan_retraining", **AGAIN)
    def plan(run_id: int) -> list[str]:
        return steps.plan(runtime.database, runtime.shelf, run_id)

    @DBOS.step(name="fit_model", **AGAIN)
    def fit(run_id: int, task: str) -> dict[str, Any] | None:
        return steps.fit(runtime.database, runtime.shelf, run_id, Task(task), now=runtime.clock())

    @DBOS.step(name="judge_model", **AGAIN)
    def decide(run_id: int, task: str, found: dict[str, Any]) -> bool:
        return steps.decide(runtime.database, runtime.shelf, run_id, Task(task), found, now=runtime.clock())

    @DBOS.step(name="conclude_retraining", **AGAIN)
    def conclude(run_id: int) -> None:
        promote = runtime.settings.promote_automatically
        steps.conclude(runtime.database, runtime.shelf, run_id, promote=promote, now=runtime.clock())

    @DBOS.step(name="fail_retraining", **AGAIN)
    def fail(run_id: int, reason: str, *, refused: bool) -> None:
        steps.fail(runtime.database, run_id, reason, refused=refused, now=runtime.clock())

    @DBOS.workflow(name="retrain")
    def retrain(run_id: int) -> None:
        try:
            for task in plan(run_id):
                found = fit(run_id, task)
                if found is None:
                    return
                decide(run_id, task, found)
            conclude(run_id)
        except Exception as error:
            log.warning("retraining.failed", run_id=run_id, exc_info=True)
            reason = str(error) if isinstance(error, BugFlowError) else f"{type(error).__name__}, see the log."
            fail(run_id, reason, refused=isinstance(error, Invalid))

    return retrain
