"""Telling MLflow what a retraining learned, measured and decided, where an installation has one (extra `mlflow`)."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any

import structlog

from bugflow.config import Settings
from bugflow.errors import InvalidSettings
from bugflow.ml.artifact import Artifact, load_artifact
from bugflow.runtime import Runtime
from bugflow.schemas.registry import RunDetail, VerdictRead
from bugflow.services.retraining import get_run

log = structlog.get_logger()

EXPERIMENT = "BugFlow"  # unless MLFLOW_EXPERIMENT_NAME says otherwise

_MANNERS = {  # unless the environment says otherwise
    "MLFLOW_DISABLE_TELEMETRY": "true",  # it would tell its makers that it is used
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",  # by default a server that is gone is waited for for minutes
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
}
_NOT_IN_A_NAME = re.compile(r"[^\w. /-]")


def demand_tracking(settings: Settings) -> None:
    """Let pass an installation that has no MLflow, or can talk to it.

    Raises:
        InvalidSettings: Its package is missing.
    """
    if settings.mlflow_url and find_spec("mlflow") is None:
        reason = (
            "BUGFLOW_MLFLOW_URL is set, and the package for it is missing. "
            "Install the extra `mlflow`: pip install -c constraints.txt 'bugflow[mlflow]'"
        )
        raise InvalidSettings(reason=reason)


def track(runtime: Runtime, run_id: int, evidence: Mapping[str, Mapping[str, Any]]) -> None:
    """Log each model that a retraining had judged, once; what goes wrong is a warning, because nothing depends on it.

    Args:
        evidence: What the gate judged by, by task.
    """
    if not runtime.settings.mlflow_url:
        return
    try:
        with runtime.database.read() as session:
            run = get_run(session, run_id)
        for verdict in run.verdicts:
            artifact = load_artifact(runtime.shelf.get(verdict.candidate))
            _log_model(runtime.settings.mlflow_url, run, verdict, artifact, evidence.get(verdict.task, {}))
    except Exception:
        log.warning("retraining.not_tracked", run_id=run_id, exc_info=True)


def _log_model(url: str, run: RunDetail, verdict: VerdictRead, artifact: Artifact, evidence: Mapping[str, Any]) -> None:
    for name, value in _MANNERS.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient  # noqa: PLC0415 - takes seconds, and its manners are set before
    from mlflow.entities import Metric, Param  # noqa: PLC0415

    client = MlflowClient(tracking_uri=url)
    data = dict(run.plan[verdict.task])
    tags = {
        "bugflow.run": str(run.id),
        "bugflow.task": verdict.task.value,
        "bugflow.champion": verdict.champion,
        "bugflow.candidate": verdict.candidate,
        "bugflow.verdict": "passed" if verdict.passed else "refused",
        "bugflow.state": run.state.value,
        "bugflow.data": str(data["hash"]),
    }
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT)
    experiment = client.get_experiment_by_name(name)
    where = experiment.experiment_id if experiment else client.create_experiment(name)
    wanted = " and ".join(
        f"tags.`{key}` = '{tags[key]}'" for key in ("bugflow.candidate", "bugflow.run", "bugflow.data")
    )
    known = client.search_runs([where], wanted, max_results=1)  # of an attempt whose process was killed
    found = known[0] if known else client.create_run(where, tags=tags, run_name=f"{verdict.candidate} (run {run.id})")
    if found.info.status == "FINISHED":
        return
    judged = {name: value for name, value in evidence.items() if name != "figures"}  # these are in the report
    measured = {**_numbers("gate", judged), **_numbers("held_out", artifact.report.get("adapted", {}))}
    measured |= {f"rule/{_plain(rule.name)}": float(rule.passed) for rule in verdict.rules}
    moment = int(verdict.created_at.timestamp() * 1000)
    client.log_batch(
        found.info.run_id,
        metrics=[Metric(key, value, moment, 0) for key, value in measured.items()],
        params=[Param(key, value) for key, value in _parameters(artifact, data).items()],
    )
    client.log_text(found.info.run_id, artifact.card, "card.md")
    client.set_terminated(found.info.run_id)


def _parameters(artifact: Artifact, data: Mapping[str, Any]) -> dict[str, str]:
    """The recipe, and what was learned from: counts and the hash of ids and labels."""
    recipe = {f"recipe/{_plain(key)}": value for key, value in artifact.recipe.items()}
    known = {"data/n": data["n"], "data/hash": data["hash"], "data/by_label": data["by_label"]}
    return {
        key: value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        for key, value in {**recipe, **known}.items()
    }


def _numbers(name: str, value: object) -> dict[str, float]:
    """Every number in nested figures, by its path."""
    return dict(_leaves(name, value))


def _leaves(name: str, value: object) -> Iterator[tuple[str, float]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(f"{name}/{_plain(str(key))}", inner)
    elif isinstance(value, int | float):
        yield name, float(value)


def _plain(name: str) -> str:
    """A name of the characters that MLflow takes."""
    return _NOT_IN_A_NAME.sub("_", name)
