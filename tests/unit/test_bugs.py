"""How bugs move and are titled."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bugflow.domain.bugs import MOVES, Status, check_move, moves_between, title_of
from bugflow.errors import IllegalMove

ALLOWED = {("open", "in_progress"), ("in_progress", "resolved"), ("in_progress", "open"), ("resolved", "open")}


@pytest.mark.parametrize("new", list(Status))
@pytest.mark.parametrize("old", list(Status))
def test_a_bug_moves_as_the_flow_says_and_not_otherwise(old: Status, new: Status) -> None:
    if (old, new) in ALLOWED:
        check_move(old, new)
    else:
        with pytest.raises(IllegalMove, match=f"{old} cannot become {new}. From {old} it can become: "):
            check_move(old, new)


def test_the_flow_speaks_of_every_status_and_no_bug_is_stuck() -> None:
    assert set(MOVES) == set(Status)
    assert all(MOVES.values())


@pytest.mark.parametrize(
    ("description", "title"),
    [
        ("It crashes", "It crashes"),
        ("\n \n  First line \nsecond", "First line"),
        ("x" * 100, "x" * 100),
        ("x" * 101, "x" * 99 + "…"),
        ("word " * 30, ("word " * 19).strip() + "…"),
        ("a " + "x" * 200, "a " + "x" * 97 + "…"),  # no word of a hundred letters is worth losing half the title
        ("one\u2028two", "one"),
    ],
)
def test_a_title_is_the_first_line_cut_at_a_word(description: str, title: str) -> None:
    assert title_of(description) == title


@given(st.text(min_size=1).filter(str.strip))
def test_a_title_is_never_empty_never_long_never_two_lines(description: str) -> None:
    title = title_of(description)
    assert title.strip() == title != ""
    assert len(title) <= 100
    assert len(title.splitlines()) == 1


@given(st.text(min_size=1).filter(str.strip))
def test_a_title_says_only_what_the_description_says(description: str) -> None:
    assert title_of(description).removesuffix("…").strip() in description


@pytest.mark.parametrize("old", Status)
@pytest.mark.parametrize("new", Status)
def test_there_is_a_way_of_legal_moves_from_each_status_to_each(old: Status, new: Status) -> None:
    way = moves_between(old, new)
    at = old
    for status in way:
        assert status in MOVES[at]
        at = status
    assert at is new
    assert len(way) == (0 if old is new else 1 if new in MOVES[old] else 2)
