"""A retraining on schedule: asked for by a cron line, ended by taking it away, refused if it is none."""

import time
from collections.abc import Callable

import pytest
from dbos import DBOS
from tests.factories import House

from bugflow.domain.registry import RunState
from bugflow.errors import InvalidSettings
from bugflow.services import retraining
from bugflow.worker.executor import running_jobs


def names() -> set[str]:
    return {schedule["schedule_name"] for schedule in DBOS.list_schedules()}


def test_a_cron_line_asks_for_retrainings_until_it_is_taken_away(build: Callable[..., House]) -> None:
    scheduled = build(retrain_cron="0 4 * * 1")
    with running_jobs(scheduled.runtime):
        assert names() == {"housekeeping", "retraining"}
        DBOS.trigger_schedule("retraining").get_result()
        with scheduled.runtime.database.read() as session:
            (run,) = retraining.list_runs(session, cursor=None, limit=5).items
    assert run.trigger == "schedule"
    with running_jobs(build(retrain_cron="").runtime):
        assert names() == {"housekeeping"}


def test_a_run_that_was_asked_for_is_done_by_the_jobs_and_ends_with_a_reason(build: Callable[..., House]) -> None:
    scheduled = build(retrain_cron="0 4 * * 1")
    with running_jobs(scheduled.runtime):
        DBOS.trigger_schedule("retraining").get_result()
        with scheduled.runtime.database.read() as session:
            (run,) = retraining.list_runs(session, cursor=None, limit=5).items
        assert _started(run.id)
        DBOS.retrieve_workflow(f"retrain-{run.id}").get_result()
        with scheduled.runtime.database.read() as session:
            ended = retraining.get_run(session, run.id)
    assert ended.state is RunState.REFUSED
    assert "Nobody has said anything about a team yet" in ended.outcome


def _started(run_id: int) -> bool:
    """Whether the jobs took it up, within some seconds."""
    for _ in range(600):
        if DBOS.list_workflows(workflow_ids=[f"retrain-{run_id}"]):
            return True
        time.sleep(0.05)
    return False


def test_a_line_that_is_none_is_refused_in_words(build: Callable[..., House]) -> None:
    scheduled = build(retrain_cron="every monday")
    with pytest.raises(InvalidSettings, match="'every monday' is no cron line"), running_jobs(scheduled.runtime):
        pass
