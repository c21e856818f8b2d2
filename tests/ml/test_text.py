"""Promises of the text pipeline."""

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bugflow.domain.predictions import BugText
from bugflow.ml.text import MAX_DESCRIPTION_CHARACTERS, MAX_TITLE_CHARACTERS, clean

ANY_TEXT = st.text(st.characters(exclude_categories=[]), max_size=300)  # lone surrogates and NUL included
PIECES = st.sampled_from(
    ["<b>", "</pre>", "<pre>", "```", "{code}", "{code:java}", "{noformat}", "<!--", "-->", "&lt;", "&amp;", "&#xad;",
     "http://a.b/c", "www.x.y", "\n", "\r\n", "  ", "at a.b(C.java:1)", "User-Agent: x", "Expected:", "h2. Steps",
     "é", "e\u0301", "\u0301", "ﬁ", "\u200b", "\x00", "\ud800", "<", ">", "word", "1. do", "@", "*", "|", "ﷺ"]
)  # fmt: skip
MARKUP = st.lists(PIECES, max_size=40).map("".join)


@settings(max_examples=300, deadline=None)
@given(title=ANY_TEXT | MARKUP, description=ANY_TEXT | MARKUP)
@example(title="&amp;lt;b&amp;gt;", description="<a <b> c>")
@example(title="e\x00\u0301", description="<pre>a<pre>b</pre>")
def test_cleaning_never_raises_and_a_second_time_changes_nothing(title: str, description: str) -> None:
    once = clean(BugText(title, description))
    twice = clean(BugText(once.title, once.description))
    assert (twice.title, twice.description) == (once.title, once.description)


@settings(max_examples=50, deadline=None)
@given(piece=ANY_TEXT | MARKUP, times=st.integers(1, 3000))
def test_the_result_is_bounded_and_says_when_something_was_cut(piece: str, times: int) -> None:
    text = piece * times
    result = clean(BugText(text, text))
    assert len(result.title) <= MAX_TITLE_CHARACTERS
    assert len(result.description) <= MAX_DESCRIPTION_CHARACTERS
    assert len(result.code) <= MAX_DESCRIPTION_CHARACTERS
    if len(text) > MAX_TITLE_CHARACTERS:
        assert result.truncated
    f"{result.title}{result.description}{result.code}".encode()


@pytest.mark.parametrize(
    "piece",
    ["<", "<a", "<!--", "```", "<pre>", "{code", "&amp;", "at ", "at a.", "a.", "A", "Aa.", "www.", "http://", "1.",
     "x", "\x00", "\ud800", "ﷺ", "at a.b(", "1) a\n", "0x", "(", "SIG", "version 1 ", "e\u0301"],
)  # fmt: skip
def test_a_megabyte_of_anything_takes_well_under_a_second(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    started = time.thread_time()
    result = clean(BugText(text, text))
    assert time.thread_time() - started < 1.0
    assert result.truncated


def test_markup_addresses_and_entities_go_and_the_words_stay() -> None:
    text = BugText(
        "<b>Crash</b> on &quot;Save&quot;",
        'See https://example.org/a?b=c or www.example.org.\n<p class="x">It *really* breaks</p>\n{color:red}now{color}',
    )
    result = clean(text)
    assert result.title == "Crash on Save"
    assert "example" not in result.description
    assert "It really breaks" in result.description
    assert "class" not in result.description


@pytest.mark.parametrize(("opening", "closing"), [("```", "```"), ("{code:java}", "{code}"), ("<pre>", "</pre>")])
def test_code_is_kept_apart_from_the_prose(opening: str, closing: str) -> None:
    result = clean(BugText("t", f"It fails here:\n{opening}\nint x = compute();\n{closing}\nAlways."))
    assert "compute" in result.code
    assert result.description == "It fails here:\nAlways."


def test_an_unclosed_fence_swallows_nothing() -> None:
    assert "the rest" in clean(BugText("t", "before ``` the rest")).description


def test_stack_frames_exceptions_codes_versions_and_platforms_are_found() -> None:
    description = (
        "Since 2.1.0-rc1 on Android the save fails with HTTP 500 and 0xC0000005\n"
        "java.lang.NullPointerException: no session\n"
        "    at org.example.Save.run(Save.java:12)\n"
        "    at org.example.Main.main(Main.java:3)\n"
        "    ... 12 more"
    )
    result = clean(BugText("Save fails", description))
    assert result.exceptions == ("java.lang.NullPointerException",)
    assert result.error_codes == ("HTTP 500", "0xC0000005")
    assert result.versions == ("2.1.0-rc1",)
    assert result.platforms == ("android",)
    assert result.n_frames == 2
    assert "Save.java" not in result.description
    assert "NullPointerException" in result.description


@pytest.mark.parametrize(
    "frame",
    ['File "app/main.py", line 3, in run', "at Foo.Bar () [0x00012] in main.cs:3", "from app/run.rb:12:in `call'",
     "at Object.save (/srv/app/index.js:1:2)", "#3  0x00007f2a in main ()", "  4:  0x7fff5fbff - rt::start"],
)  # fmt: skip
def test_frames_of_several_languages_are_known(frame: str) -> None:
    assert clean(BugText("t", frame)).n_frames == 1


def test_a_sentence_is_no_stack_frame() -> None:
    lines = "at the start (of the page) it stops\nfrom the menu (File) choose Open\n1 Open the app (Android)"
    result = clean(BugText("t", lines))
    assert result.n_frames == 0
    assert len(result.description.split("\n")) == 3


@pytest.mark.parametrize(
    "line",
    ["User-Agent: Mozilla/5.0 (X11)", "Build ID: 2001", "Expected Results:", "h2. Steps to Reproduce", "Thanks!",
     "[Actual result]:", "Installation UUID: 12-34", "(Actual behaviour)"],
)  # fmt: skip
def test_forms_and_courtesies_are_left_out(line: str) -> None:
    assert clean(BugText("t", f"{line}\nThe page stays empty")).description == "The page stays empty"


def test_thanking_within_a_sentence_is_no_courtesy() -> None:
    line = "Thanks to the new cache every second request fails"
    assert clean(BugText("t", line)).description == line


@pytest.mark.parametrize("text", ["Steps to reproduce: open it", "1. open it\n2. close it", "How to reproduce?"])
def test_steps_are_noticed(text: str) -> None:
    assert clean(BugText("t", text)).has_steps


def test_a_short_text_is_no_training_sample() -> None:
    assert not clean(BugText("Crash", "")).long_enough
    assert clean(BugText("Crash when the file is saved", "")).long_enough
