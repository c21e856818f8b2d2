"""What MLflow is told of a retraining, by its real client into a real store."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from structlog.testing import capture_logs
from tests.factories import House
from tests.ml.builders import tiny_artifact

from bugflow.db.tables import GateVerdict, RetrainingRun
from bugflow.domain.predictions import Task
from bugflow.domain.registry import RunState, Trigger
from bugflow.errors import InvalidSettings
from bugflow.runtime import Runtime
from bugflow.worker import tracking
from bugflow.worker.tracking import demand_tracking, track

EVIDENCE = {
    "team": {"n": 50, "candidate_right": 40, "champion": "team-1", "recalls": {"C++": {"n": 9, "candidate": 7}}}
}


@pytest.fixture
def judged(house: House) -> int:
    """A retraining whose one model, team-70, was refused; its id."""
    data = {"model": "team-70", "n": 50, "by_label": {"Mobile": 30, "Backend": 20}, "hash": "ab" * 32}
    facts: dict[str, Any] = {"trigger": Trigger.MANUAL, "step": "ended", "up_to_feedback_id": 60, "outcome": "Refused."}
    facts |= {"state": RunState.REFUSED, "plan": {"team": data}, "created_at": house.now, "ended_at": house.now}
    rules = [{"name": "learned something", "passed": True, "text": "It did."}]
    rules.append({"name": "finds C++", "passed": False, "text": "It does not."})
    artifact = replace(tiny_artifact("team-70"), report={"adapted": {"all": {"macro_f1": 0.5}, "by": "words"}})
    house.runtime.shelf.keep(replace(artifact, recipe={"kind": "adapted", "sizes": [1, 2]}))
    with house.runtime.database.write() as session:
        run = RetrainingRun(**facts)
        session.add(run)
        session.flush()
        said: dict[str, Any] = {"candidate": "team-70", "champion": "team-1", "passed": False, "rules": rules}
        session.add(GateVerdict(run_id=run.id, task=Task.TEAM, created_at=house.now, **said))
        return run.id


@pytest.fixture
def told(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Runtime, Callable[[], list[Run]]]:
    """An installation with a store of MLflow's, and what lies there."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # in maintenance, but the only one that needs no server
    url = f"file://{tmp_path}/mlflow"

    def look() -> list[Run]:
        client = MlflowClient(tracking_uri=url)
        experiment = client.get_experiment_by_name("BugFlow")
        return list(client.search_runs([experiment.experiment_id])) if experiment else []

    return _with(house.runtime, url), look


def _with(runtime: Runtime, url: str) -> Runtime:
    return replace(runtime, settings=runtime.settings.model_copy(update={"mlflow_url": url}))


def test_a_judged_model_is_told_with_recipe_data_figures_verdict_and_card(
    judged: int, told: tuple[Runtime, Callable[[], list[Run]]]
) -> None:
    runtime, look = told
    track(runtime, judged, EVIDENCE)
    (run,) = look()
    assert (run.info.status, run.info.run_name) == ("FINISHED", f"team-70 (run {judged})")
    assert {key: value for key, value in run.data.tags.items() if key.startswith("bugflow.")} == {
        "bugflow.run": str(judged),
        "bugflow.task": "team",
        "bugflow.champion": "team-1",
        "bugflow.candidate": "team-70",
        "bugflow.verdict": "refused",
        "bugflow.state": "refused",
        "bugflow.data": "ab" * 32,
    }
    assert run.data.params == {
        "recipe/kind": "adapted",
        "recipe/sizes": "[1, 2]",
        "data/n": "50",
        "data/hash": "ab" * 32,
        "data/by_label": '{"Backend": 20, "Mobile": 30}',
    }
    assert run.data.metrics == {
        "gate/n": 50,
        "gate/candidate_right": 40,
        "gate/recalls/C__/n": 9,
        "gate/recalls/C__/candidate": 7,
        "held_out/all/macro_f1": 0.5,
        "rule/learned something": 1,
        "rule/finds C__": 0,
    }
    client = MlflowClient(tracking_uri=runtime.settings.mlflow_url)
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["card.md"]


def test_done_again_after_a_kill_it_is_told_once(judged: int, told: tuple[Runtime, Callable[[], list[Run]]]) -> None:
    runtime, look = told
    track(runtime, judged, EVIDENCE)
    (run,) = look()
    MlflowClient(tracking_uri=runtime.settings.mlflow_url).update_run(run.info.run_id, status="RUNNING")
    for _ in range(2):
        track(runtime, judged, EVIDENCE)
    (again,) = look()
    assert (again.info.run_id, again.info.status) == (run.info.run_id, "FINISHED")


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "nowhere://x"])
def test_a_server_that_is_gone_is_a_warning_and_no_more(
    house: House, judged: int, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with capture_logs() as logs:
        track(_with(house.runtime, url), judged, EVIDENCE)
    assert [(line["event"], line["log_level"], line["run_id"]) for line in logs] == [
        ("retraining.not_tracked", "warning", judged)
    ]


def test_where_no_server_is_named_nothing_is_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    with capture_logs() as logs:
        track(house.runtime, 99, {})
    assert logs == []


def test_without_the_package_jobs_do_not_start_and_it_is_named(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    demand_tracking(_with(house.runtime, "http://127.0.0.1:9").settings)
    monkeypatch.setattr(tracking, "find_spec", lambda _name: None)
    demand_tracking(house.runtime.settings)
    with pytest.raises(InvalidSettings, match=r"bugflow\[mlflow\]"):
        demand_tracking(_with(house.runtime, "http://127.0.0.1:9").settings)
