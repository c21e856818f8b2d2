"""What the machine says, as plain values."""

import pytest

from bugflow.domain.feedback import FeedbackKind, kind_of
from bugflow.domain.predictions import Assessment, Decision, Prediction, Severity, Source, Task


def prediction(task: Task, source: Source = Source.MODEL) -> Prediction:
    probabilities = {"low": 0.1, "medium": 0.4, "high": 0.4, "critical": 0.1}
    return Prediction(task, "high", 0.4, probabilities, Decision.ASK, source, "severity-1")


def test_severities_rise() -> None:
    assert [severity.rank for severity in Severity] == [0, 1, 2, 3]
    assert [severity.value for severity in Severity] == ["low", "medium", "high", "critical"]


def test_the_top_is_ordered_by_probability_then_as_the_labels_stand() -> None:
    assert prediction(Task.SEVERITY).top(2) == [("medium", 0.4), ("high", 0.4)]
    assert len(prediction(Task.SEVERITY).top()) == 3


@pytest.mark.parametrize("severity", list(Source))
@pytest.mark.parametrize("team", list(Source))
def test_an_assessment_is_the_models_only_if_every_field_is(severity: Source, team: Source) -> None:
    said = Assessment(prediction(Task.SEVERITY, severity), prediction(Task.TEAM, team))
    assert (said.source is Source.MODEL) is (severity is team is Source.MODEL)
    assert said.predictions == (said.severity, said.team)


def test_who_says_what_the_machine_said_agrees_with_it() -> None:
    assert kind_of(predicted="low", label="low") is FeedbackKind.CONFIRMATION
    assert kind_of(predicted="low", label="high") is FeedbackKind.CORRECTION
