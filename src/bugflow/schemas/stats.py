"""What the dashboard and the charts draw."""

from datetime import date

from bugflow.domain.predictions import Task
from bugflow.schemas.base import Read


class Overview(Read):
    """The totals of the dashboard.

    Attributes:
        median_hours_to_triage: From report to the first word, move or assignment by a person, last 90 days.
        median_hours_to_resolve: From report to resolution, bugs resolved in the last 90 days.
        n_new_corrections: Since the last retraining; at `retrain_after_corrections` the next one begins.
        acceptance: Share of predictions of the last 90 days that nobody corrected.
    """

    n_bugs: int
    n_open: int
    n_in_progress: int
    n_resolved: int
    n_critical_open: int
    n_needs_review: int
    n_unassigned: int
    n_mine: int
    n_my_team: int
    n_reported_last_7_days: int
    n_resolved_last_7_days: int
    n_corrections: int
    n_new_corrections: int
    retrain_after_corrections: int
    median_hours_to_triage: float | None
    median_hours_to_resolve: float | None
    acceptance: float | None


class SeverityCount(Read):
    severity: str
    n_open: int
    n_in_progress: int
    n_resolved: int
    n_total: int


class TeamLoad(Read):
    team: str
    n_open: int
    n_in_progress: int
    n_resolved: int
    n_critical_open: int


class FeedbackWeek(Read):
    """Corrections and confirmations in the week that starts on this Monday, and corrections so far."""

    week: date
    n_corrections: int
    n_confirmations: int
    n_overrides: int
    n_corrections_total: int


class TriageWeek(Read):
    """How long reports of the week that starts on this Monday waited for a person.

    Attributes:
        n_triaged: Of those reported, how many a person has moved, assigned, corrected or confirmed.
        median_hours: Until the first of these; None where nobody did any.
    """

    week: date
    n_reported: int
    n_triaged: int
    median_hours: float | None


class TrendDay(Read):
    day: date
    n_reported: int
    n_resolved: int
    n_open: int


class Acceptance(Read):
    """How one model's predictions of one field fared.

    Attributes:
        acceptance: 1 - corrected / predicted.
        coverage: Share on which the machine acted on its own.
        precision: Share of the acted-on predictions that nobody corrected; None where it never acted.
    """

    task: Task
    model_version: str
    n_predicted: int
    n_corrected: int
    n_confirmed: int
    acceptance: float
    coverage: float
    precision: float | None


class Accuracy(Read):
    """How often one model's predictions of one field are right, measured on bugs that were drawn at random.

    Attributes:
        n_drawn: Bugs drawn for a spot check.
        n_decided: Of these, on which a project manager has spoken; only they count.
        n_right: Of the decided, where the newest word of a project manager is what was predicted.
        accuracy: n_right / n_decided; None where nothing was decided.
        low, high: Between which shares the true one lies in 95 of 100 cases (Wilson).
    """

    task: Task
    model_version: str
    n_drawn: int
    n_decided: int
    n_right: int
    accuracy: float | None
    low: float
    high: float
