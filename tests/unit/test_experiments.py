"""Comparing two models on live bugs: simulations of what is promised."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bugflow.domain.experiments import (
    ALARMING,
    ENOUGH,
    PROBATION,
    ExperimentKind,
    Trial,
    Winner,
    compare,
    find_settled,
    find_winner,
    gets_challenger,
    weigh_arms,
    weigh_pairs,
)
from bugflow.domain.predictions import BugText

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


def trial(
    shown: str = "Backend",
    silent: str = "Mobile",
    *,
    word: str | None = None,
    by_challenger: bool = False,
    minute: int = 0,
    after: int = 1,
) -> Trial:
    reported_at = START + timedelta(minutes=minute)
    said_at = reported_at + timedelta(minutes=after) if word else None
    return Trial(shown, silent, by_challenger, word, reported_at, said_at)


def e_values_of_pairs(draw: random.Random, *, worse: float, better: float, n: int) -> Iterator[tuple[int, float]]:
    """Of each bug that only one model gets right its number, and what then speaks against the new model."""
    n_worse = n_better = 0
    for number in range(1, n + 1):
        drawn = draw.random()
        if drawn < worse + better:
            n_worse += drawn < worse
            n_better += drawn >= worse
            yield number, weigh_pairs(n_worse, n_better)


@pytest.mark.parametrize("corrected", [0.05, 0.2, 0.5])
def test_two_equal_models_get_no_winner_in_95_of_100_comparisons_however_often_one_looks(corrected: float) -> None:
    draw = random.Random(f"ab {corrected}")
    n_runs, n_winners = 1_000, 0
    for _ in range(n_runs):
        blocks = [(draw.random() < corrected, draw.random() < corrected) for _ in range(500)]
        n_winners += max(weigh_arms(blocks)) >= ENOUGH
    assert n_winners <= 0.05 * n_runs


def test_a_model_that_is_corrected_15_points_less_wins_nearly_always() -> None:
    draw = random.Random("ab better")
    found = 0
    for _ in range(100):
        blocks = [(draw.random() < 0.30, draw.random() < 0.15) for _ in range(1_000)]
        found += max(weigh_arms(blocks)) >= ENOUGH
    assert found >= 95


@pytest.mark.parametrize(("corrected_before", "swapped"), [(0.05, 0.05), (0.10, 0.03), (0.20, 0.02), (0.30, 0.0)])
def test_a_model_10_points_worse_is_rolled_back_within_100_corrections_in_95_of_100_cases(
    corrected_before: float, swapped: float
) -> None:
    """`swapped`: share of bugs that the worse model gets right and the former one does not."""
    draw = random.Random(f"worse {corrected_before} {swapped}")
    n_runs, in_time = 300, 0
    for _ in range(n_runs):
        alarms = (n for n, e in e_values_of_pairs(draw, worse=0.10 + swapped, better=swapped, n=3_000) if e >= ALARMING)
        bugs = next(alarms, 3_000)
        in_time += bugs * (corrected_before + 0.10) <= 100
    assert in_time >= 0.95 * n_runs


@pytest.mark.parametrize("swapped", [0.03, 0.10, 0.25])
def test_a_model_that_is_no_worse_is_rolled_back_in_at_most_1_of_100_probations(swapped: float) -> None:
    draw = random.Random(f"equal {swapped}")
    n_runs = 500
    alarms = sum(
        any(e >= ALARMING for _, e in e_values_of_pairs(draw, worse=swapped, better=swapped, n=PROBATION))
        for _ in range(n_runs)
    )
    assert alarms <= 0.01 * n_runs


@given(n_better=st.integers(0, 400), n_worse=st.integers(0, 400))
def test_more_that_only_one_gets_right_never_speaks_less_for_it(n_better: int, n_worse: int) -> None:
    assert weigh_pairs(n_better + 1, n_worse) > weigh_pairs(n_better, n_worse) > 0
    assert weigh_pairs(n_better, n_worse + 1) < weigh_pairs(n_better, n_worse)


def test_e_values_agree_with_ones_worked_out_by_hand() -> None:
    assert weigh_pairs(0, 0) == 1
    assert weigh_pairs(1, 0) == pytest.approx((1.2 + 1.4 + 1.6 + 1.8) / 4)
    assert weigh_pairs(0, 1) == pytest.approx((0.8 + 0.6 + 0.4 + 0.2) / 4)
    # Before the first block both rates are one half; then 1.5 of 2 and 0.5 of 2 were corrected, against .5 and .5.
    assert weigh_arms([(True, False), (True, False)]) == pytest.approx([1, 1, 0.75 / 0.5 * 0.75 / 0.5])


def test_only_the_model_that_people_agreed_with_is_right() -> None:
    assert trial().only is Winner.CHAMPION, "what was shown and left alone is right"
    assert trial(word="Backend").only is Winner.CHAMPION
    assert trial(word="Mobile").only is Winner.CHALLENGER
    assert trial(word="Mobile", by_challenger=True).only is Winner.CHAMPION
    assert trial(by_challenger=True).only is Winner.CHALLENGER
    assert trial(word="DevOps").only is Winner.NEITHER
    assert trial(silent="Backend", word="Mobile").only is Winner.NEITHER
    assert [trial(word="Backend").corrected, trial(word="Mobile").corrected] == [False, True]


def test_a_bug_counts_only_once_it_is_as_old_as_nine_in_ten_were_when_they_were_corrected() -> None:
    """Else a new model would begin badly: it is corrected within the hour, and accepted when the bug is closed."""
    corrected = [trial(word="Mobile", minute=n, after=n + 1) for n in range(10)]
    left_alone = [trial(minute=n) for n in range(30)]
    settled = find_settled([*corrected, *left_alone], now=START + timedelta(minutes=29))
    assert {one.reported_at for one in settled} == {START + timedelta(minutes=n) for n in range(20)}
    assert find_settled(left_alone, now=START + timedelta(hours=23)) == [], "with few corrections it takes a day"
    assert find_settled(left_alone, now=START + timedelta(hours=25)) == left_alone


def test_a_comparison_counts_arms_and_pairs() -> None:
    trials = [
        trial(silent="Backend"),
        trial(word="Mobile"),
        trial(by_challenger=True),
        trial(by_challenger=True, word="DevOps"),
    ]
    found = compare(ExperimentKind.AB, trials)
    assert (found.n, found.n_agreed, found.only_champion, found.only_challenger) == (4, 1, 0, 2)
    assert (found.shown_by_champion, found.corrected_of_champion) == (2, 1)
    assert (found.shown_by_challenger, found.corrected_of_challenger) == (2, 1)
    assert found.ahead is Winner.NEITHER
    assert compare(ExperimentKind.SHADOW, trials).ahead is Winner.CHALLENGER


def test_a_comparison_ends_with_whoever_is_ahead_or_with_nobody_when_it_took_long_enough() -> None:
    shadow, probation = ExperimentKind.SHADOW, ExperimentKind.PROBATION
    better = compare(shadow, [trial(word="Mobile")] * 12)
    assert find_winner(shadow, better, n_most=100) is Winner.CHALLENGER
    assert find_winner(shadow, compare(shadow, [trial()] * 12), n_most=100) is Winner.CHAMPION
    assert find_winner(shadow, compare(shadow, []), n_most=100) is None
    same = compare(probation, [trial(silent="Backend")] * 60)
    assert find_winner(probation, same, n_most=61) is None
    assert find_winner(probation, same, n_most=60) is Winner.NEITHER
    good = compare(probation, [trial()] * 60)
    assert find_winner(probation, good, n_most=100) is None, "a probation asks only whether the new one is worse"


@given(st.text(), st.text(), st.none() | st.text(), st.integers(1, 9))
def test_the_same_text_always_gets_the_same_model(title: str, description: str, project: str | None, n: int) -> None:
    text = BugText(title, description, project)
    assert gets_challenger(n, 0.5, text) is gets_challenger(n, 0.5, text)
    assert not gets_challenger(n, 0.0, text)


def test_half_of_all_texts_get_the_challenger_and_another_half_in_the_next_experiment() -> None:
    texts = [BugText(f"Case {number}", "It fails", "Ledger") for number in range(2_000)]
    first, second = ([gets_challenger(n, 0.5, text) for text in texts] for n in (1, 2))
    assert 920 < sum(first) < 1_080
    assert 920 < sum(a is b for a, b in zip(first, second, strict=True)) < 1_080
