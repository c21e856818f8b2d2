"""Promises of the explanations."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ml.builders import SEVERITY_CUES, tiny_calibration, tiny_model

from bugflow.domain.predictions import BugText, Explanation, Task
from bugflow.ml.explain import explain_label
from bugflow.ml.features import extract
from bugflow.ml.text import clean

LABELS = ("low", "medium", "high", "critical")
MODEL, CALIBRATION = tiny_model(LABELS, SEVERITY_CUES), tiny_calibration(4)
WORDS = st.lists(st.sampled_from([*SEVERITY_CUES, "the", "page", "?", "\n"]), max_size=30).map(" ".join)


def _explain(text: BugText, label: str) -> Explanation:
    cleaned = clean(text)
    return explain_label(
        cleaned, extract([cleaned]), task=Task.SEVERITY, model=MODEL, calibration=CALIBRATION, label=label
    )


@settings(max_examples=60, deadline=None)
@given(title=WORDS, description=WORDS, label=st.sampled_from(LABELS))
def test_the_parts_add_up_to_the_score(title: str, description: str, label: str) -> None:
    explanation = _explain(BugText(title, description), label)
    total = explanation.intercept + sum(contribution.weight for contribution in explanation.contributions)
    assert total == pytest.approx(explanation.score, abs=1e-6)
    weights = [abs(contribution.weight) for contribution in explanation.contributions]
    assert weights == sorted(weights, reverse=True)


def test_it_names_the_cue_that_decides() -> None:
    explanation = _explain(BugText("crash", ""), "critical")
    assert explanation.contributions[0].cue == "title: crash"
    assert explanation.counterfactual == "without *title: crash*: medium"


def test_where_no_single_cue_decides_it_says_nothing() -> None:
    assert _explain(BugText("the page", ""), "critical").counterfactual is None


def test_it_says_that_the_text_was_cut_or_unknown() -> None:
    assert "text truncated" in _explain(BugText("crash", "x " * 20_000), "critical").notes
    assert "no word of the report is known to the model" in _explain(BugText("zzz", ""), "low").notes
