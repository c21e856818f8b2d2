"""Running jobs: DBOS on the app's own database, so that a killed job goes on where it stopped."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any

from dbos import DBOS

from bugflow.db.engine import make_engine
from bugflow.runtime import Runtime
from bugflow.services import housekeeping

APPLICATION_VERSION = "1"
"""Fixed, so that a new build goes on with the jobs of the old one; raise it only if their steps no longer fit."""

HOUSEKEEPING_CRON = "17 3 * * *"  # daily, at an hour and minute when few are at work and few other jobs start


@contextmanager
def running_jobs(runtime: Runtime) -> Iterator[None]:
    """Run this installation's jobs in background threads until the block ends; a step under way is finished.

    One block at a time in one process: DBOS is one a process.
    """
    # The same driver as the app's engine: two copies of the SQLite library must not open one file in one process.
    engine = make_engine(runtime.settings.database, begins=False)
    DBOS(
        config={
            "name": "bugflow",
            "system_database_engine": engine,
            "application_version": APPLICATION_VERSION,
            "executor_id": runtime.settings.job_runner,  # a start takes up what was unfinished under the same name
            "log_level": "WARNING",
            "enable_otlp": False,
            "scheduler_polling_interval_sec": 5.0,
        }
    )

    @DBOS.step(name="tidy")
    def tidy() -> dict[str, Any]:
        with runtime.database.write() as session:
            return asdict(housekeeping.tidy(session, now=runtime.clock()))

    @DBOS.workflow(name="housekeeping")
    def keep_house(_scheduled_at: datetime, _context: object) -> None:
        tidy()

    try:
        DBOS.launch()
        DBOS.apply_schedules(
            [{"schedule_name": "housekeeping", "workflow_fn": keep_house, "schedule": HOUSEKEEPING_CRON}]
        )
        yield
    finally:
        DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=5)
        engine.dispose()
