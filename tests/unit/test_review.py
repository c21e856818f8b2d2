"""Drawing, uncertainty, intervals: plain arithmetic against examples worked by hand."""

from collections.abc import Sequence
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bugflow.domain.review import closest, is_drawn, uncertainty, wilson_interval
from bugflow.ml.review import rank


def test_about_the_wanted_share_is_drawn_and_always_the_same_bugs() -> None:
    drawn = [n for n in range(1, 20_001) if is_drawn(n, share=0.05)]
    assert 0.045 < len(drawn) / 20_000 < 0.055
    assert drawn == [n for n in range(1, 20_001) if is_drawn(n, share=0.05)]
    assert set(drawn) <= {n for n in range(1, 20_001) if is_drawn(n, share=0.2)}, "a larger share draws others besides"


def test_none_and_all_can_be_drawn() -> None:
    assert not any(is_drawn(n, share=0.0) for n in range(1_000))
    assert all(is_drawn(n, share=1.0) for n in range(1_000))


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        ({}, 0.0),
        ({"a": 1.0}, 0.0),
        ({"a": 1.0, "b": 0.0}, 0.0),
        ({"a": 0.25, "b": 0.25, "c": 0.25, "d": 0.25}, 1.0),
        ({"a": 0.5, "b": 0.5, "c": 0.0, "d": 0.0}, log(2) / log(4)),
    ],
)
def test_uncertainty_is_the_entropy_as_a_share_of_the_largest(probabilities: dict[str, float], expected: float) -> None:
    assert uncertainty(probabilities) == pytest.approx(expected)


def test_the_two_most_probable_labels_are_the_closest() -> None:
    assert closest({"Mobile": 0.1, "Backend": 0.4, "DevOps": 0.5}) == ["DevOps", "Backend"]


def test_the_interval_of_nine_in_ten_is_wilsons() -> None:
    low, high = wilson_interval(9, 10)  # Wilson's, z = 1.96
    assert [low, high] == pytest.approx([0.5958, 0.9821], abs=1e-4)
    assert wilson_interval(0, 0) == (0.0, 1.0)


@given(n=st.integers(1, 500), data=st.data())
def test_the_interval_holds_the_share_and_stays_within_bounds(n: int, data: st.DataObject) -> None:
    n_right = data.draw(st.integers(0, n))
    low, high = wilson_interval(n_right, n)
    assert 0 <= low <= n_right / n + 1e-9
    assert n_right / n - 1e-9 <= high <= 1


def _greedy(vectors: np.ndarray, doubts: np.ndarray, covered: np.ndarray, n: int) -> list[int]:
    """The same by the book: every gain is worked out anew at every step."""
    alike = np.clip(vectors @ vectors.T, 0, 1)
    np.fill_diagonal(alike, 1)
    chosen: list[int] = []
    while len(chosen) < min(n, len(vectors)):
        gains = [-1 if i in chosen else np.maximum(alike[i] - covered, 0) @ doubts for i in range(len(vectors))]
        chosen.append(int(np.argmax(gains)))
        covered = np.maximum(covered, alike[chosen[-1]])
    return chosen


@pytest.mark.parametrize("seed", range(5))
def test_looking_at_fewer_gains_chooses_the_same_bugs(seed: int) -> None:
    draw = np.random.default_rng(seed)
    vectors = draw.normal(size=(40, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    doubts, covered = draw.random(40).astype(np.float32), (draw.random(40) / 2).astype(np.float32)
    assert rank(vectors, doubts, covered=covered, n=15) == _greedy(vectors, doubts, covered, 15)


@pytest.mark.parametrize(("n", "expected"), [(0, []), (1, [0]), (9, [0, 1, 2])])
def test_of_equal_ones_the_earlier_comes_first_and_no_more_than_there_are(n: int, expected: Sequence[int]) -> None:
    zeros = np.zeros((3, 4), np.float32)
    assert rank(zeros, np.ones(3, np.float32), covered=np.zeros(3, np.float32), n=n) == expected


def test_without_anybody_to_ask_about_nobody_is_named() -> None:
    assert rank(np.zeros((0, 1), np.float32), np.zeros(0, np.float32), covered=np.zeros(0, np.float32), n=5) == []
