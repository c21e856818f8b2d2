"""Promises of the per-row part: the same cleaning, the same labels, and what counts as a repetition."""

import random

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bugflow.domain.predictions import BugText
from bugflow.ml.prepare.similar import draws_of, find_near_duplicates, keys_of, signatures_of
from bugflow.ml.prepare.words import annotate, annotate_arrow, clean_words
from bugflow.ml.text import clean
from bugflow.ml.weak_labels import SEVERITY_KEYWORDS, TEAM_KEYWORDS, label_by_keywords

PIECES = (
    "```", "~~~", "@@@", "{code}", "{CODE:java}", "{noformat}", "<pre>", "</PRE>", "<b>", "<!-- x -->", "&lt;",
    "&#119;ww.x", "HTTPS://a.b/c", "www.x.org", "WWW.y", "file:/", "\u017f://", "http\u017f://x", "ftp://", "://", "\n",
    "\r\n", "\r", "\t", "  ", "\u00a0", "\u2003", "\x0b", "\x1c", "\x85", "\u2028", "\u200b", "\ufeff", "\ud800",
    "|", "[x]", "Hello", "Thanks!", "h2. Steps to Reproduce", "at a.b.C.d(E.java:3)", "... 3 more", "and\tthen ",
    "User-Agent: Mozilla/5.0", "\uff57\uff57\uff57\uff0e", "K", "it fails",
)  # fmt: skip
KEYWORDS = [word for rules in (SEVERITY_KEYWORDS, TEAM_KEYWORDS) for words in rules.values() for word in words]
TEXTS = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=6)), max_size=25).map("".join)
KEYWORD_TEXTS = st.lists(
    st.one_of(
        st.sampled_from(KEYWORDS),
        st.sampled_from(
            ["es", "s", "d", "ed", "ing", " ", "  ", "\n", "\x1c", "\u0301", "\u0130", "\u212a", "é", "_", "-", "/"]
        ),
        st.text(max_size=3),
    ),
    max_size=14,
).map("".join)


@given(TEXTS, TEXTS)
@example("www.x", "http\u017f://x &#104;ttp://y")
def test_the_fast_path_gives_the_words_of_the_pipeline(title: str, description: str) -> None:
    text = BugText(title, description)
    whole = clean(text)
    assert clean_words(text) == (whole.title, whole.description)


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(KEYWORD_TEXTS, KEYWORD_TEXTS), min_size=1, max_size=8))
def test_the_fast_rules_give_the_labels_of_the_rules(rows: list[tuple[str, str]]) -> None:
    rows = [(_encodable(title), _encodable(description)) for title, description in rows]
    made = annotate(pl.DataFrame(rows, schema=["title", "description"], orient="row"), by_keywords=True)
    expected = [label_by_keywords(BugText(text, "")) for text in made["text"]]
    assert made.select("severity", "team").rows() == [(severity.value, team) for severity, team in expected]


@settings(max_examples=20, deadline=None)  # each takes seven passes over the rules
@given(st.lists(TEXTS.map(_encodable), max_size=6))
def test_a_row_is_annotated_the_same_whatever_stands_beside_it(texts: list[str]) -> None:
    frame = pl.DataFrame(
        {"title": texts, "description": texts[::-1]}, schema={"title": pl.String, "description": pl.String}
    )
    together = annotate(frame, by_keywords=True, seed=3)
    apart = [annotate(row, by_keywords=True, seed=3) for row in frame.iter_slices(1)]
    assert together.rows() == [row for each in apart for row in each.rows()]


def test_arrow_batches_are_annotated_like_frames() -> None:
    frame = pl.DataFrame({"title": ["A crash", None], "description": [None, "The button of the menu"], "n": [1, 2]})
    (batch,) = frame.to_arrow().to_batches()
    (made,) = annotate_arrow(iter([batch]))
    assert made.schema.names[:3] == ["title", "description", "n"]
    assert pl.DataFrame(pl.from_arrow(made)).equals(
        annotate(frame.with_columns(pl.col("title", "description").fill_null("")), by_keywords=True)
    )


def test_case_marks_and_blanks_do_not_make_a_text_another() -> None:
    same = ["It fails, on Monday!", "it FAILS on\nmonday", "  it (fails) -- on monday."]
    other = ["It fails on Mondays", "on Monday it fails", "It fails on", "Ça échoue"]
    keys, _ = keys_of(same + other)
    assert len(set(keys[:3].tolist())) == 1
    assert len(set(keys.tolist())) == 5


def test_keys_signatures_and_draws_are_the_same_on_every_machine() -> None:
    """Files made elsewhere must match byte for byte, so these numbers are a promise."""
    keys, words = keys_of(["The page stays empty after the second click on it"])
    assert keys.tolist() == [-4108487725275232970]
    assert signatures_of(words)[0].hex()[:16] == "ae62f9fe52eef58c"
    assert draws_of(keys, seed=1).tolist() == [7538918626775889180]


def _shingles(text: str) -> set[tuple[str, ...]]:
    words = text.split()
    return {tuple(words[place : place + 3]) for place in range(len(words) - 2)}


def _similarity(one: str, other: str) -> float:
    return len(_shingles(one) & _shingles(other)) / len(_shingles(one) | _shingles(other))


def _edited(text: str, n_words: int, draw: random.Random) -> str:
    words = text.split()
    for place in draw.sample(range(len(words)), n_words):
        words[place] = f"other{draw.randrange(10**6)}"
    return " ".join(words)


def test_what_is_removed_is_nearly_the_same_and_what_is_nearly_the_same_is_removed() -> None:
    """60 texts of 80 words in 8 versions each, from one changed word to twenty; similarity known exactly."""
    draw = random.Random(1)
    originals = [" ".join(f"word{draw.randrange(3_000)}" for _ in range(80)) for _ in range(60)]
    texts = originals + [_edited(text, n, draw) for n in (1, 2, 3, 5, 8, 12, 20) for text in originals]
    _, words = keys_of(texts)
    signatures = np.frombuffer(b"".join(signatures_of(words)), np.uint16).reshape(-1, 32)
    leaders = find_near_duplicates(signatures)
    removed = [(texts[row], texts[leader]) for row, leader in enumerate(leaders.tolist()) if row != leader]
    exact = [_similarity(*pair) for pair in removed]
    assert np.mean(np.asarray(exact) >= 0.7) >= 0.97  # precision
    assert min(exact) >= 0.6
    one_word = leaders[60:120] == np.arange(60)  # similarity 0.93
    assert one_word.mean() >= 0.97
    many_words = leaders[-60:] == np.arange(60)  # similarity 0.3
    assert many_words.mean() == 0.0


def test_the_first_of_several_stays_and_small_changes_are_not_followed_step_by_step() -> None:
    draw = random.Random(2)
    chain = [" ".join(f"w{draw.randrange(900)}" for _ in range(100))]
    for _ in range(12):
        chain.append(_edited(chain[-1], 2, draw))
    _, words = keys_of(chain)
    leaders = find_near_duplicates(np.frombuffer(b"".join(signatures_of(words)), np.uint16).reshape(-1, 32))
    kept = [row for row, leader in enumerate(leaders.tolist()) if row == leader]
    assert kept[0] == 0
    assert len(kept) >= 3
    assert all(leader in kept for leader in leaders.tolist())


@pytest.mark.parametrize("texts", [[], [""], ["a"], ["", "a b", "", "a b c"]])
def test_the_shortest_texts_have_signatures(texts: list[str]) -> None:
    _, words = keys_of(texts)
    assert [len(each) for each in signatures_of(words)] == [64] * len(texts)
