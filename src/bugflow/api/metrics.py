"""What `/metrics` shows, one registry an app."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from bugflow.domain.drift import Drift
from bugflow.domain.predictions import Task
from bugflow.domain.registry import RunState
from bugflow.errors import BugFlowError
from bugflow.runtime import Runtime
from bugflow.schemas.health import ModelHealth
from bugflow.schemas.predictions import Predictions
from bugflow.services.health import Loop, watch_loop

log = structlog.get_logger()

_LATENCY_BUCKETS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)

_LEVELS = {Drift.STEADY: 0.0, Drift.MOVED: 1.0, Drift.FAR: 2.0}

KEEP = timedelta(seconds=30)  # what is read from the database for scrapes: 40 ms with 100,000 bugs, as with 1,000


class Metrics:
    """Counters of one process, and what the database says of the loop."""

    def __init__(self, runtime: Runtime) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "bugflow_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self.latency = Histogram(
            "bugflow_request_seconds",
            "Time to the last byte.",
            ["method", "route"],
            buckets=_LATENCY_BUCKETS,
            registry=self.registry,
        )
        self.in_flight = Gauge("bugflow_requests_in_flight", "Requests being answered.", registry=self.registry)
        self.reported = Counter("bugflow_bugs_reported", "Bugs reported.", registry=self.registry)
        self.predictions = Counter(
            "bugflow_predictions",
            "Predictions made for reported bugs; none while bugs arrive means a dead model.",
            ["task", "label", "decision", "source", "model_version"],
            registry=self.registry,
        )
        self.corrections = Counter("bugflow_feedback", "Words of PMs on predictions.", registry=self.registry)
        self.waiting = Gauge(
            "bugflow_deliveries_waiting", "Messages to channels that are not delivered yet.", registry=self.registry
        )
        self.given_up = Gauge(
            "bugflow_deliveries_given_up", "Messages that no receiver took for a day.", registry=self.registry
        )
        self.models = Info("bugflow_models", "What answers for each task.", registry=self.registry)
        self.predictor = runtime.predictor
        self.registry.register(LoopMetrics(runtime))

    def count_report(self, predictions: Predictions) -> None:
        self.reported.inc()
        for task, said in (("severity", predictions.severity), ("team", predictions.team)):
            self.predictions.labels(task, said.label, said.decision, said.source, said.model_version).inc()

    def count_feedback(self, labels: Sequence[object]) -> None:
        self.corrections.inc(sum(label is not None for label in labels))

    def text(self) -> bytes:
        self.models.info({task.value: version for task, version in self.predictor.versions.items()})
        return generate_latest(self.registry)


class LoopMetrics(Collector):
    """What the database says of the loop, read at most once in `KEEP`; the same from every process.

    Without the database the scrape goes on, and `bugflow_loop_known` is 0.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._reading = Lock()
        self._read: tuple[datetime, Loop | None] | None = None

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing: else registering would read the database, before it is known to be there."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        problems = self._runtime.predictor.problems
        missing = {(task.value,): float(task in problems) for task in Task}
        yield _family(
            "bugflow_model_missing", "1: rules, or a former model, stand in; /readyz says why.", ["task"], missing
        )
        loop = self._look()
        yield _family(
            "bugflow_loop_known", "1: the database told the figures of the loop.", [], {(): float(bool(loop))}
        )
        if loop is None:
            return
        yield from _of_runs(loop)
        yield from _of_models(loop.models)

    def _look(self) -> Loop | None:
        with self._reading:
            now = self._runtime.clock()
            if self._read is None or not timedelta() <= now - self._read[0] < KEEP:
                self._read = (now, self._ask(now))
            return self._read[1]

    def _ask(self, now: datetime) -> Loop | None:
        try:
            with self._runtime.database.read() as session:
                return watch_loop(session, self._runtime.predictor.versions, now=now)
        except BugFlowError as error:
            log.warning("loop not measured", code=error.code, cause=repr(error.__cause__))
            return None


def _of_runs(loop: Loop) -> Iterator[GaugeMetricFamily]:
    verdicts = {
        (task.value, result): float(loop.verdicts.get((task, result == "passed"), 0))
        for task in Task
        for result in ("passed", "refused")
    }
    yield _family("bugflow_gate_verdicts", "Candidates that the gate judged.", ["task", "result"], verdicts)
    runs = {(state.value,): float(loop.runs.get(state, 0)) for state in RunState}
    yield _family("bugflow_retraining_runs", "Retrainings by what became of them.", ["state"], runs)
    waited = {(): loop.waiting_seconds}
    yield _family("bugflow_retraining_waiting_seconds", "Since the oldest open retraining was asked for.", [], waited)
    moments = {"report": loop.reported_at, "prediction": loop.predicted_at}
    for what, at in moments.items():
        if at is not None:
            name = f"bugflow_last_{what}_timestamp_seconds"
            yield _family(name, f"When the newest {what} was made.", [], {(): at.timestamp()})


def _of_models(models: Sequence[ModelHealth]) -> Iterator[GaugeMetricFamily]:
    def each(name: str, about: str, values: Sequence[float | None]) -> GaugeMetricFamily:
        known = {
            (one.task.value, one.model): value for one, value in zip(models, values, strict=True) if value is not None
        }
        return _family(f"bugflow_champion_{name}", about, ["task", "model"], known)

    since = [one.since.timestamp() if one.since else None for one in models]
    yield each("since_timestamp_seconds", "When it was promoted; absent if it answered from the start.", since)
    yield each(
        "acceptance", "Share of its newest 500 predictions that nobody corrected.", [m.acceptance for m in models]
    )
    yield each("coverage", "Share of them on which the machine acted.", [m.coverage for m in models])
    yield each("spoken", "On how many of them people spoke.", [m.n_spoken for m in models])
    errors = [m.calibration_error for m in models]
    yield each("calibration_error", "Expected calibration error on these; absent below 50.", errors)
    yield each(
        "drift", "Of its reports: 0 steady, 1 moved, 2 far; absent below 200.", [_LEVELS.get(m.drift) for m in models]
    )
    drift = {(m.task.value, name): index for m in models for name, index in m.drift_indices.items()}
    about = "Population stability index of its newest reports against its first; 0.1 moved, 0.25 far."
    yield _family("bugflow_drift", about, ["task", "of"], drift)


def _family(name: str, about: str, labels: Sequence[str], values: Mapping[Any, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, about, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family
