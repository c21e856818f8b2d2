"""How the models do since they answer."""

from datetime import datetime

from bugflow.domain.drift import Drift
from bugflow.domain.predictions import Task
from bugflow.schemas.base import Read


class Reliability(Read):
    """Answers of about the same confidence: their mean confidence, and which share of them was right."""

    confidence: float
    right: float
    n: int


class Tradeoff(Read):
    """What acting on every answer of at least this confidence would have meant.

    Attributes:
        coverage: Share of the reports on which the machine would have acted.
        precision: Of these, the share that nobody corrected.
    """

    confidence: float
    coverage: float
    precision: float


class ModelHealth(Read):
    """How what answers for one field does, over its newest reports.

    Attributes:
        since: When it was promoted; None if it answered from the start.
        n_predicted: Reports that are looked at: its newest 500 at most.
        acceptance: 1 - corrected / predicted; None without reports.
        coverage: Share on which the machine acted on its own; None without reports.
        calibration_error: Expected calibration error over those on which people spoke; None with fewer than 50.
        drift: How far its newest reports have moved from its first ones.
        drift_indices: Population stability index, by confidence, label, project and length.
        advice: What to do; empty if nothing.
        reliability: By confidence, rising, of those on which people spoke; empty with fewer than 50.
        tradeoff: By coverage, rising; empty without reports.
    """

    task: Task
    model: str
    since: datetime | None
    n_predicted: int
    n_corrected: int
    n_spoken: int
    acceptance: float | None
    coverage: float | None
    calibration_error: float | None
    drift: Drift
    drift_indices: dict[str, float]
    advice: str
    reliability: list[Reliability]
    tradeoff: list[Tradeoff]
