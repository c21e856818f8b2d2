"""Metrics against examples worked by hand."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from bugflow.ml import metrics

TRUTH = np.array([0, 0, 1, 1, 2, 2])
SAID = np.array([0, 1, 1, 1, 2, 0])


def test_accuracy_and_confusion() -> None:
    assert metrics.accuracy(TRUTH, SAID) == pytest.approx(4 / 6)
    assert metrics.confusion(TRUTH, SAID, n_labels=3).tolist() == [[1, 1, 0], [0, 2, 0], [1, 0, 1]]


def test_per_class_and_macro_f1() -> None:
    scores = metrics.per_class(TRUTH, SAID, n_labels=3)
    assert scores["precision"] == pytest.approx([1 / 2, 2 / 3, 1])
    assert scores["recall"] == pytest.approx([1 / 2, 1, 1 / 2])
    assert scores["f1"] == pytest.approx([1 / 2, 4 / 5, 2 / 3])
    assert metrics.macro_f1(TRUTH, SAID, n_labels=3) == pytest.approx((1 / 2 + 4 / 5 + 2 / 3) / 3)


def test_macro_f1_leaves_out_labels_that_nobody_used() -> None:
    assert metrics.macro_f1(np.array([0, 1]), np.array([0, 1]), n_labels=4) == 1.0


def test_a_change_of_macro_f1_is_that_of_the_scores_and_bounded_by_what_chance_explains() -> None:
    truth = np.tile(TRUTH, 50)
    said = np.tile(SAID, 50)
    before, after, best = metrics.macro_f1_change(truth, truth, said)
    assert before == 1.0
    assert after == pytest.approx(metrics.macro_f1(truth, said, n_labels=3))
    assert after - before < best < 0
    assert metrics.macro_f1_change(truth, said, said)[2] == 0.0
    few = metrics.macro_f1_change(TRUTH, np.asarray([0, 0, 1, 1, 2, 0]), np.asarray([0, 1, 1, 1, 2, 2]))
    assert few[2] > 0, "of six rows nobody can tell"


def test_a_label_that_was_never_true_is_no_part_of_the_change() -> None:
    truth, said = np.asarray([0, 1, 0, 1]), np.asarray([0, 1, 7, 1])
    before, after, _ = metrics.macro_f1_change(truth, truth, said)
    assert before == 1.0
    assert after == pytest.approx((2 / 3 + 1) / 2)


def test_quadratic_kappa() -> None:
    # observed cost: one 0→1 (1), one 2→0 (4) = 5; expected from the margins 2,2,2 x 2,3,1: (3+4 + 2+1 + 8+3) x 2/6 = 7
    assert metrics.quadratic_kappa(TRUTH, SAID, n_labels=3) == pytest.approx(1 - 5 / 7)
    assert metrics.quadratic_kappa(TRUTH, SAID, n_labels=3) == pytest.approx(
        cohen_kappa_score(TRUTH, SAID, weights="quadratic")
    )
    assert metrics.quadratic_kappa(TRUTH, TRUTH, n_labels=3) == 1.0
    assert metrics.quadratic_kappa(TRUTH, np.ones(6, np.int64), n_labels=3) == pytest.approx(0.0)


def test_calibration_error() -> None:
    # two answers at 0.9 of which one is right: gap 0.4; two at 0.5, one right: gap 0
    confidence, right = np.array([0.9, 0.9, 0.5, 0.5]), np.array([True, False, True, False])
    assert metrics.calibration_error(confidence, right) == pytest.approx(0.2)
    assert metrics.calibration_error(np.array([1.0]), np.array([True])) == 0.0


def test_severe_labels_are_counted_together() -> None:
    truth, said = np.array([3, 2, 2, 0, 1]), np.array([2, 3, 0, 3, 1])
    scores = metrics.severe_scores(truth, said, severe=frozenset({2, 3}))
    assert scores == pytest.approx((2 / 3, 2 / 3))


def test_clopper_pearson_bound() -> None:
    # all of n right: the bound solves p^n = risk
    assert metrics.precision_bound(29, 29) == pytest.approx(0.05 ** (1 / 29))
    assert metrics.precision_bound(0, 10) == 0.0
    assert metrics.precision_bound(90, 100) == pytest.approx(0.8363, abs=1e-4)  # R: binom.test(90, 100, alt="greater")


def test_no_rows_give_zeros_and_no_warning() -> None:
    nothing = np.array([], np.int64)
    summary = metrics.summarise(nothing, nothing, labels=("low", "medium", "high", "critical"), ordinal=True)
    assert (summary["n"], summary["accuracy"], summary["macro_f1"], summary["quadratic_kappa"]) == (0, 0.0, 0.0, 0.0)


def test_a_summary_never_quotes_accuracy_alone() -> None:
    summary = metrics.summarise(TRUTH, SAID, labels=("low", "medium", "high"), ordinal=True)
    assert {"accuracy", "macro_f1", "per_class", "quadratic_kappa", "severe_recall", "severe_precision"} <= set(summary)
