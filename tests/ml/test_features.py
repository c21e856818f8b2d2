"""Promises of the feature extraction."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bugflow.domain.predictions import BugText
from bugflow.ml.features import Features, extract, name_cues, split_words
from bugflow.ml.text import clean

KNOWN_KEYS = [55449077, 665584223, 919571077, 1129190901]

TEXTS = st.builds(BugText, st.text(max_size=60), st.text(st.sampled_from("ab C\n`'é_1<"), max_size=120))


def _row(features: Features, row: int) -> tuple[list[int], list[float], list[float]]:
    span = slice(features.offsets[row], features.offsets[row + 1])
    return features.keys[span].tolist(), features.counts[span].tolist(), features.signals[row].tolist()


@settings(max_examples=100, deadline=None)
@given(st.lists(TEXTS, max_size=6))
def test_a_report_has_the_same_features_alone_and_among_others(texts: list[BugText]) -> None:
    cleaned = [clean(text) for text in texts]
    together = extract(cleaned)
    assert together.n == len(texts)
    for row, text in enumerate(cleaned):
        assert _row(together, row) == _row(extract([text]), 0)


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_every_feature_has_a_name_and_every_name_is_a_feature(text: BugText) -> None:
    cleaned = clean(text)
    assert set(name_cues(cleaned)) == set(extract([cleaned]).keys.tolist())


def test_words_pairs_and_fields_are_told_apart() -> None:
    names = set(name_cues(clean(BugText("Save crash", "crash on save"))).values())
    assert names == {"title: save", "title: crash", "title: save crash", "crash", "on", "save", "crash on", "on save"}


def test_names_of_code_are_read_whole_and_in_parts() -> None:
    assert split_words("NullPointerException in save_file") == [
        "nullpointerexception", "null", "pointer", "exception", "in", "save_file", "save", "file",
    ]  # fmt: skip


def test_repetition_counts_with_damping() -> None:
    features = extract([clean(BugText("", "crash, crash, crash"))])
    assert sorted(features.counts.tolist()) == [np.float32(1 + np.log(2)), np.float32(1 + np.log(3))]


def test_hashes_are_the_same_everywhere() -> None:
    # a change of these numbers makes every saved model useless: it needs a new SCHEME
    features = extract([clean(BugText("crash now", "crash"))])
    assert features.keys.tolist() == KNOWN_KEYS


def test_rows_and_stack_are_inverse() -> None:
    whole = extract([clean(BugText(title, "some words")) for title in ("one", "two words", "")])
    parts = [whole.rows(np.array([row])) for row in range(3)]
    again = Features.stack(parts)
    assert all(_row(again, row) == _row(whole, row) for row in range(3))
    assert Features.stack([]).n == 0
