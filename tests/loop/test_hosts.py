"""Two hosts with one database and one model store: what one trains the other answers with."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from tests.factories import make_settings
from tests.loop.conftest import KINDS, Loop, open_loop
from tests.ml.stores import S3, running_s3

from bugflow.domain.predictions import BugText, Task
from bugflow.ml.live import LivePredictor
from bugflow.runtime import build_runtime
from bugflow.services import live

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

URL = "s3://bucket/models"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    with running_s3() as s3:
        s3.allow(monkeypatch)
        yield s3


def _finished(client: MlflowClient) -> list[Run]:
    experiment = client.get_experiment_by_name("BugFlow")
    known = [experiment.experiment_id] if experiment else []
    return list(client.search_runs(known, "attributes.status = 'FINISHED'")) if known else []


def retrain(loop: Loop) -> str:
    """Have the team of two kinds of bugs corrected, and wait for the model that is trained and promoted."""
    for kind in ("invoices", "buttons"):
        loop.report(kind, 25)
    last = {}
    for kind, team in (("invoices", "DevOps"), ("buttons", "Mobile")):
        for bug_id in loop.bugs[kind]:
            last = loop.correct(bug_id, team)
    run = loop.wait_for_run(last["retraining"]["run_id"])
    assert run["state"] == "promoted", run
    return str(run["verdicts"][0]["candidate"])


def test_a_host_without_the_model_fetches_it_and_goes_on_with_the_former_one_while_it_cannot(
    s3: S3, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sqlite_template: Path
) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow = f"file://{tmp_path}/mlflow"
    with open_loop(tmp_path, sqlite_template, model_store=URL, mlflow_url=mlflow) as loop:
        here = loop.house.runtime
        other = build_runtime(make_settings(tmp_path / "other", database_url=here.settings.database, model_store=URL))
        assert isinstance(other.predictor, LivePredictor)
        assert other.predictor.versions[Task.TEAM] == "team-1"
        candidate = retrain(loop)
        assert not (other.shelf.own / candidate).exists()

        s3.allow(monkeypatch, AWS_ENDPOINT_URL="http://127.0.0.1:9")
        other.predictor.refresh()
        assert other.predictor.versions[Task.TEAM] == "team-1", "the former champion goes on"
        assert "s3://bucket/models cannot be used" in other.predictor.problems[Task.TEAM]
        assert not (other.shelf.own / candidate).exists()

        s3.allow(monkeypatch)
        other.predictor.refresh()
        assert other.predictor.versions[Task.TEAM] == candidate
        assert other.predictor.problems == {}
        text = BugText("", KINDS["invoices"], "Ledger")
        answer, same = (runtime.predictor.assess([text])[0].team for runtime in (other, here))
        assert (answer.label, answer.model_version) == ("DevOps", candidate)
        assert answer.probabilities == same.probabilities

        (other.shelf.own / candidate / "MANIFEST.json").write_text("{}")
        healed = LivePredictor(live.follow(other.database, other.shelf))
        assert healed.versions[Task.TEAM] == candidate, "an altered copy is fetched anew"

        client = MlflowClient(tracking_uri=mlflow)
        loop.wait(lambda: bool(_finished(client)), what="MLflow is told", seconds=60)
        (run,) = _finished(client)
        assert (run.data.tags["bugflow.candidate"], run.data.tags["bugflow.state"]) == (candidate, "promoted")
        assert run.data.metrics["gate/n"] == 50
        other.database.engine.dispose()


def test_a_run_whose_store_stays_away_ends_failed_with_the_reason_and_the_champion_answers(
    tmp_path: Path, sqlite_template: Path
) -> None:
    (tmp_path / "blocked").write_text("no folder")
    with open_loop(tmp_path, sqlite_template, model_store=f"file://{tmp_path}/blocked/models") as loop:
        before = loop.ask("invoices")
        run_id = loop.pm.post("/api/v1/retraining").json()["id"]
        run = loop.wait_for_run(run_id)
        assert run["state"] == "failed", run
        assert "The model store file://" in run["outcome"]
        assert loop.ask("invoices")["predictions"] == before["predictions"]
