"""Promises of the linear model."""

import numpy as np
import pytest
from tests.ml.builders import SEVERITY_CUES, tiny_model

from bugflow.domain.predictions import BugText
from bugflow.ml.classifier import FIELD_SCALES
from bugflow.ml.features import SIGNALS, extract
from bugflow.ml.text import clean

LABELS = ("low", "medium", "high", "critical")
MODEL = tiny_model(LABELS, SEVERITY_CUES)


def test_each_field_has_unit_length_times_its_scale() -> None:
    features = extract([clean(BugText("crash slow typo", "")), clean(BugText("no known word", ""))])
    weighed = MODEL.vocabulary.weigh(features).toarray()
    words = weighed[:, : -len(SIGNALS)]
    assert np.linalg.norm(words[0]) == pytest.approx(FIELD_SCALES[0], rel=1e-6)
    assert np.linalg.norm(words[1]) == 0
    assert weighed[:, -len(SIGNALS) :] == pytest.approx(features.signals)


def test_the_score_is_the_weighted_sum() -> None:
    features = extract([clean(BugText("crash", ""))])
    expected = MODEL.intercept + np.array([0, 0, 0, 8.0])
    assert MODEL.score(features)[0] == pytest.approx(expected)


def test_contributions_and_intercept_add_up_to_the_score() -> None:
    features = extract([clean(BugText("Crash: slow typo?", "it fails"))])
    for place, label in enumerate(LABELS):
        by_key, by_signal = MODEL.contributions(features, label=label)
        total = sum(by_key.values()) + sum(by_signal.values()) + MODEL.intercept[place]
        assert total == pytest.approx(MODEL.score(features)[0, place], abs=1e-9)


def test_no_reports_give_no_scores() -> None:
    assert MODEL.score(extract([])).shape == (0, 4)
