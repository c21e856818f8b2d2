"""How values read, and that what people wrote stays text."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from tests.ui.fakes import prediction

from bugflow.schemas.predictions import ContributionRead, PredictionRead
from bugflow.ui import format as words
from bugflow.ui import look, triage
from bugflow.ui.trouble import plain

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("share", "shown"),
    [(0.413, "41 %"), (1.0, "100 %"), (0.999, ">99 %"), (0.001, "<1 %"), (0.0, "0 %"), (None, words.DASH)],
)
def test_a_share_never_claims_more_than_it_is(share: float | None, shown: str) -> None:
    assert words.percent(share).replace(words.NARROW, " ") == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (5, "just now"),
        (60, "1 min. ago"),
        (3599, "60 min. ago"),
        (7200, "2 hr. ago"),
        (86_400 * 3, "3 days ago"),
        (86_400 * 40, "Jan 20, 2026"),
    ],
)
def test_time_reads_relative_and_after_a_month_as_a_date(seconds: int, shown: str) -> None:
    assert words.ago(NOW - timedelta(seconds=seconds), now=NOW).replace(words.NARROW, " ") == shown


@pytest.mark.parametrize(
    ("size", "shown"), [(512, "512 B"), (1536, "1.5 kB"), (20_000, "20 kB"), (3_400_000, "3.4 MB")]
)
def test_sizes_read_in_the_unit_that_fits(size: int, shown: str) -> None:
    assert words.size_text(size).replace(words.NARROW, " ") == shown


def test_marked_words_keep_the_rest_as_text() -> None:
    cues = [ContributionRead(cue="null pointer", weight=2.0), ContributionRead(cue="typo", weight=-1.0)]
    shown = look.highlighted("A <b>Null  Pointer</b>, no typo. Nullity & co", cues)
    assert '<mark class="bf-for" style="--strength:1.00">Null  Pointer</mark>' in shown
    assert '<mark class="bf-against" style="--strength:0.62">typo</mark>' in shown
    assert "&lt;b&gt;" in shown
    assert "Nullity &amp; co" in shown


def test_signals_are_no_words_to_mark() -> None:
    cues = [ContributionRead(cue="signal: stack trace", weight=2.0), ContributionRead(cue="<script>", weight=1.0)]
    assert look.words_of(cues) == []
    assert "<mark" not in look.highlighted("signal: stack trace <script>", cues)


@pytest.mark.parametrize(
    "text", ["**b**", "[x](http://e.example)", "`code`", "$x$", "<b>", ":material/home:", ":red[x]", ":smile:"]
)
def test_text_for_markdown_elements_is_shown_as_written(text: str) -> None:
    made = plain(text)
    assert made.replace("\\", "").replace("\N{WORD JOINER}", "") == text
    assert not re.search(r"(?<!\\)[*`\[\]$<>]", made)
    for live in (":material/", ":red", ":smile:", "http://"):
        assert live not in made


def test_the_label_that_was_chosen_is_shown_first_even_where_three_others_are_likelier() -> None:
    shares = {"medium": 0.29, "critical": 0.285, "low": 0.24, "high": 0.185}
    shown = PredictionRead.model_validate(prediction("severity", "high", "ask", shares))
    assert [one.label for one in triage.in_question(shown)] == ["high", "medium", "critical"]
    assert triage.verdict(shown).replace(words.NARROW, " ") == "Not sure: High 18 %, Medium 29 %"
