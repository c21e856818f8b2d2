"""Drift against examples worked by hand, and against chance."""

import random
from collections.abc import Hashable, Sequence
from math import log

import pytest

from bugflow.domain.drift import FEWEST, SMOOTHING, Drift, compare, stability_index


def test_the_index_is_the_sum_over_bins_of_difference_times_log_ratio() -> None:
    before, after = ["a"] * 60 + ["b"] * 40, ["a"] * 30 + ["b"] * 70
    a, b = ((60 + SMOOTHING) / 101, (40 + SMOOTHING) / 101)
    now_a, now_b = ((30 + SMOOTHING) / 101, (70 + SMOOTHING) / 101)
    index, _ = stability_index(before, after)
    assert index == pytest.approx((now_a - a) * log(now_a / a) + (now_b - b) * log(now_b / b))


def test_chance_is_the_chi_squared_quantile_over_both_samples() -> None:
    """Three bins: two degrees of freedom, of which the 99 % quantile is 9.21."""
    _, chance = stability_index(["a", "b", "c"] * 100, ["a", "b", "c"] * 200)
    assert chance == pytest.approx(9.21 * (1 / 300 + 1 / 600), rel=0.01)


def test_what_never_varies_has_not_moved() -> None:
    assert stability_index(["a"] * 100, ["a"] * 100) == (0.0, 0.0)


def test_of_one_distribution_hardly_any_two_samples_are_called_moved() -> None:
    draw, words = random.Random(5), list[Drift]()
    for _ in range(300):
        before, after = ([min(int(draw.gauss(5, 2)), 9) for _ in range(FEWEST)] for _ in range(2))
        words.append(compare({"confidence": list(before)}, {"confidence": list(after)}).word)
    assert words.count(Drift.STEADY) >= 290


@pytest.mark.parametrize(
    ("share", "word"), [(0.5, Drift.STEADY), (0.55, Drift.STEADY), (0.7, Drift.MOVED), (0.9, Drift.FAR)]
)
def test_the_word_follows_the_usual_thresholds(share: float, word: Drift) -> None:
    n = round(500 * share)
    found = compare({"label": ["a", "b"] * 250}, {"label": ["a"] * n + ["b"] * (500 - n)})
    assert found.word is word
    assert found.moved_most == (None if word is Drift.STEADY else "label")


def test_the_feature_that_moved_most_is_named() -> None:
    before: dict[str, Sequence[Hashable]] = {"label": ["a", "b"] * 250, "project": [1, 2] * 250}
    after: dict[str, Sequence[Hashable]] = {"label": ["a"] * 300 + ["b"] * 200, "project": [3] * 500}
    found = compare(before, after)
    assert (found.word, found.moved_most) == (Drift.FAR, "project")
    assert found.indices.keys() == before.keys()


def test_of_a_few_reports_nothing_is_said() -> None:
    few = {"label": list("a" * (FEWEST - 1))}
    assert compare(few, {"label": list("b" * 500)}).word is Drift.UNKNOWN
    assert compare({"label": []}, {"label": []}).indices == {}


def test_many_rare_values_are_one_bin() -> None:
    before = [f"common {n % 9}" for n in range(450)] + [f"once {n}" for n in range(50)]
    after = [f"common {n % 9}" for n in range(450)] + [f"other {n}" for n in range(50)]
    assert stability_index(before, after)[0] == pytest.approx(0)
