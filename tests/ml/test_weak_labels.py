"""Promises of the keyword rules."""

import pytest

from bugflow.domain.predictions import BugText, Severity
from bugflow.ml.weak_labels import find_keywords, label_by_keywords


@pytest.mark.parametrize(
    ("text", "severity", "team"),
    [
        ("The app crashes on Android", Severity.CRITICAL, "Mobile"),
        ("Data  loss after an error in the query", Severity.CRITICAL, "Backend"),
        ("Login failure", Severity.HIGH, "Backend"),
        ("Typo on a button", Severity.LOW, "Frontend"),
        ("Docker image is slow", Severity.MEDIUM, "DevOps"),
        ("CI/CD pipeline hangs", Severity.MEDIUM, "DevOps"),
        ("It is slow", Severity.MEDIUM, "Backend"),
        ("", Severity.MEDIUM, "Backend"),
    ],
)
def test_the_rules_of_the_document(text: str, severity: Severity, team: str) -> None:
    assert label_by_keywords(BugText(text, "")) == (severity, team)
    assert label_by_keywords(BugText("", text)) == (severity, team)


@pytest.mark.parametrize("text", ["The build needs a rebuild", "the debugger", "capital", "reaction", "terror"])
def test_keywords_are_words_not_parts_of_words(text: str) -> None:
    assert find_keywords(text) == []


def test_the_team_with_more_keywords_wins() -> None:
    assert label_by_keywords(BugText("Server query in the ui", ""))[1] == "Backend"
