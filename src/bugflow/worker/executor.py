"""Running jobs: DBOS on the app's own database, so that a killed job goes on where it stopped."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from dbos import DBOS, SetWorkflowID
from dbos import error as dbos_errors

from bugflow.db.engine import make_engine
from bugflow.domain.registry import Trigger
from bugflow.errors import InvalidSettings
from bugflow.ml.duplicates.search import LiveSearch
from bugflow.runtime import Runtime, watching
from bugflow.services import housekeeping, retraining
from bugflow.services.duplicates import fingerprints
from bugflow.services.experiments import deciding, measuring
from bugflow.worker.delivering import Deliver, make_delivery, start_due
from bugflow.worker.retraining import make_workflow
from bugflow.worker.tracking import demand_tracking

log = structlog.get_logger()

APPLICATION_VERSION = "1"
"""Fixed, so that a new build goes on with the jobs of the old one; raise it only if their steps no longer fit."""

HOUSEKEEPING_CRON = "17 3 * * *"  # daily, at an hour and minute when few are at work and few other jobs start

DECIDE_SECONDS = 10.0  # how often comparisons of models are looked at

WATCH_SECONDS = 1.0  # what is reported is found by its words at once, by its meaning after this and some 20 ms


@contextmanager
def running_jobs(runtime: Runtime) -> Iterator[None]:
    """Run this installation's jobs in background threads until the block ends; a step under way is finished.

    One block at a time in one process: DBOS is one a process.

    Raises:
        InvalidSettings: A schedule is none, or MLflow is to be told and its package is missing.
    """
    demand_tracking(runtime.settings)
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

    search = runtime.duplicates

    @DBOS.step(name="tidy")
    def tidy() -> dict[str, Any]:
        with runtime.database.write() as session:
            return asdict(housekeeping.tidy(session, now=runtime.clock()))

    @DBOS.step(name="read_some")
    def read_some() -> int:
        return fingerprints.read_some(runtime.database, search) if isinstance(search, LiveSearch) else 0

    @DBOS.workflow(name="read_bugs")
    def read_bugs() -> None:
        while read_some():
            pass

    retrain = make_workflow(runtime)
    deliver = make_delivery(runtime)

    @DBOS.workflow(name="housekeeping")
    def keep_house(_scheduled_at: datetime, _context: object) -> None:
        tidy()

    @DBOS.step(name="ask_for_retraining")
    def ask_for_retraining() -> None:
        with runtime.database.write() as session:
            retraining.request_retraining(session, Trigger.SCHEDULE, actor=None, now=runtime.clock())

    @DBOS.workflow(name="retrain_on_schedule")
    def ask(_scheduled_at: datetime, _context: object) -> None:
        ask_for_retraining()

    try:
        DBOS.launch()
        _apply_schedules(
            {"housekeeping": (keep_house, HOUSEKEEPING_CRON), "retraining": (ask, runtime.settings.retrain_cron)}
        )
        start = partial(_start_what_waits, runtime, read_bugs, retrain, deliver)
        with (
            watching(start, seconds=WATCH_SECONDS, name="jobs"),
            watching(partial(_conclude_won, runtime), seconds=DECIDE_SECONDS, name="experiments"),
        ):
            yield
    finally:
        DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=5)
        engine.dispose()


def _apply_schedules(schedules: Mapping[str, tuple[Callable[[datetime, object], None], str]]) -> None:
    """Start workflows by cron lines; an empty line ends what an earlier start had set.

    Raises:
        InvalidSettings: A line is none.
    """
    for name, (workflow, cron) in schedules.items():
        try:
            if cron:
                DBOS.apply_schedules([{"schedule_name": name, "workflow_fn": workflow, "schedule": cron}])
            elif DBOS.get_schedule(name) is not None:
                DBOS.delete_schedule(name)
        except dbos_errors.DBOSException as error:
            raise InvalidSettings(
                reason=f"'{cron}' is no cron line. Write minute, hour, day, month, weekday."
            ) from error


def _start_what_waits(
    runtime: Runtime, read_bugs: Callable[[], None], retrain: Callable[[int], None], deliver: Deliver
) -> None:
    """Start jobs for what was written into the database, here or in another process.

    The job is named by what it is for, so that of several workers one does it, and once.
    """
    start_due(runtime, deliver)
    with runtime.database.read() as session:
        run_id = retraining.find_queued(session)
    if run_id is not None:
        with SetWorkflowID(f"retrain-{run_id}"):
            DBOS.start_workflow(retrain, run_id)
    _start_reading(runtime, read_bugs)


def _conclude_won(runtime: Runtime) -> None:
    """End the comparisons of models that someone won; looked at by several workers, the first one does it."""
    with runtime.database.read() as session:
        if not measuring.find_running(session):
            return
    promote = runtime.settings.promote_automatically
    with runtime.database.write() as session:
        for outcome in deciding.conclude_won(session, runtime.shelf, promote=promote, now=runtime.clock()):
            log.info("experiment.ended", outcome=outcome)


def _start_reading(runtime: Runtime, read_bugs: Callable[[], None]) -> None:
    """Start the reading of bugs that nobody has read for their meaning yet: imported, edited or reported ones.

    The newest of them names the run, so that of several workers one does it.
    """
    if not isinstance(runtime.duplicates, LiveSearch):
        return
    with runtime.database.read() as session:
        unread = fingerprints.name_unread(session, runtime.duplicates.encoder.name)
    if unread is not None:
        with SetWorkflowID(f"read-{unread}"):
            DBOS.start_workflow(read_bugs)
