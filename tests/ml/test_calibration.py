"""Promises of calibration, thresholds and decisions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from tests.ml.builders import tiny_calibration

from bugflow.domain.predictions import Decision
from bugflow.ml.calibration import NEVER, Bar, Calibration, decide, fit_bars, fit_own_bar, fit_probabilities

PLAIN = tiny_calibration(4)


@given(st.lists(st.floats(-30, 30), min_size=4, max_size=4), st.sets(st.integers(0, 3), min_size=1))
def test_masked_labels_get_nothing_and_the_rest_sums_to_one(logits: list[float], active: set[int]) -> None:
    p = PLAIN.probabilities(np.asarray([logits]), active=sorted(active))[0]
    assert p.sum() == pytest.approx(1)
    assert all(p[place] == 0 for place in set(range(4)) - active)
    assert int(PLAIN.choose(p[None])[0]) in active


def test_severity_answers_with_the_least_expected_cost() -> None:
    costs = tuple(tuple(float(abs(row - column)) for column in range(4)) for row in range(4))
    ordinal = Calibration(1.0, (0.0,) * 4, costs)
    assert int(ordinal.choose(np.asarray([[0.4, 0.0, 0.25, 0.35]]))[0]) == 2  # the median, though low is likeliest
    assert int(PLAIN.choose(np.asarray([[0.4, 0.0, 0.25, 0.35]]))[0]) == 0


def test_a_temperature_is_found_again() -> None:
    rng = np.random.default_rng(0)
    true_logits = rng.normal(size=(20_000, 3)) * 2
    truth = np.asarray([rng.choice(3, p=p) for p in softmax(true_logits, axis=1)])
    calibration = fit_probabilities(true_logits * 3, truth, np.ones(len(truth)))
    assert calibration.temperature == pytest.approx(3, rel=0.1)
    assert calibration.bias == pytest.approx((0, 0, 0), abs=0.1)


def test_a_bar_keeps_its_promise_on_fresh_reports() -> None:
    rng = np.random.default_rng(1)

    def draw(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        p = softmax(rng.normal(size=(n, 3)) * 2.5, axis=1)
        return p, p.argmax(axis=1), np.asarray([rng.choice(3, p=row) for row in p])

    bars = fit_bars(*draw(4_000))
    p, chosen, truth = draw(20_000)
    for promise in (0.8, 0.9):
        bar = bars[promise]
        acted = p[np.arange(len(p)), chosen] >= np.asarray(bar.thresholds)[chosen]
        assert acted.mean() == pytest.approx(bar.coverage, abs=0.05)
        assert bar.coverage > 0.2
        assert (chosen == truth)[acted].mean() >= promise - 0.01


def test_a_promise_that_cannot_be_kept_never_acts() -> None:
    p = np.tile([0.99, 0.01], (200, 1))
    bars = fit_bars(p, np.zeros(200, np.int64), np.arange(200) % 2)
    assert bars[0.9] == Bar((NEVER, NEVER), 0.0, 0.0)
    assert Calibration(1.0, (0.0, 0.0), ((0.0, 1.0), (1.0, 0.0)), bars).bar(0.995).thresholds == (NEVER, NEVER)


@pytest.mark.parametrize(
    ("probabilities", "decision"),
    [
        ([0.95, 0.05, 0, 0], Decision.AUTO),
        ([0.85, 0.05, 0.05, 0.05], Decision.SUGGEST),
        ([0.4, 0.3, 0.25, 0.05], Decision.SUGGEST),
        ([0.3, 0.25, 0.25, 0.2], Decision.ASK),
        ([0.5, 0.5, 0, 0], Decision.ASK),
        ([1, 0, 0, 0], Decision.AUTO),
    ],
)
def test_it_acts_suggests_or_asks(probabilities: list[float], decision: Decision) -> None:
    row = np.asarray(probabilities)
    assert decide(row, int(row.argmax()), PLAIN.bar(0.9)) is decision


def test_a_project_has_a_bar_of_its_own_once_people_decided_about_enough_suggestions() -> None:
    agreed = [(0.3 + 0.01 * n, True) for n in range(40)]
    bar = fit_own_bar([*agreed, (0.1, False), (0.2, False)], promise=0.90)
    assert bar is not None
    assert bar == pytest.approx(0.3)
    assert fit_own_bar(agreed[:10], promise=0.90) is None  # ten are too few to promise anything
    assert fit_own_bar([], promise=0.90) is None


def test_a_project_whose_suggestions_are_mostly_dismissed_calls_nothing_likely() -> None:
    decided = [(0.5 + 0.01 * n, n % 2 == 0) for n in range(40)]
    assert fit_own_bar(decided, promise=0.90) == NEVER
    assert fit_own_bar([(0.9, True), (0.8, False)], promise=0.90) is None
