"""What `/metrics` shows, one registry an app."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest

from bugflow.ml.predictor import Assessor
from bugflow.schemas.predictions import Predictions

_LATENCY_BUCKETS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


class Metrics:
    """Counters of one process."""

    def __init__(self, predictor: Assessor) -> None:
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
        self.predictor = predictor

    def count_report(self, predictions: Predictions) -> None:
        self.reported.inc()
        for task, said in (("severity", predictions.severity), ("team", predictions.team)):
            self.predictions.labels(task, said.label, said.decision, said.source, said.model_version).inc()

    def count_feedback(self, labels: Sequence[object]) -> None:
        self.corrections.inc(sum(label is not None for label in labels))

    def text(self) -> bytes:
        self.models.info({task.value: version for task, version in self.predictor.versions.items()})
        return generate_latest(self.registry)
