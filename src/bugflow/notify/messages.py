"""Messages: what is said of events, as text for people and machines, and as HTML for mail."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from html import escape

MAX_TITLE_CHARACTERS = 150

_BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def one_line(text: str) -> str:
    """A text from people as one line: no line break that could end a header, nothing that turns what follows around.

    Words of right-to-left languages stay as they are; only the invisible characters that reorder others go.
    """
    kept = ("" if char in _BIDI_CONTROLS else " " if unicodedata.category(char)[0] in "CZ" else char for char in text)
    line = " ".join("".join(kept).split())
    return line if len(line) <= MAX_TITLE_CHARACTERS else line[: MAX_TITLE_CHARACTERS - 1] + "…"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    Attributes:
        bug_id: To which bug; None where it is of no bug.
        title: Of the bug, or of what it is about.
        said: What happened, as a sentence.
        url: Where to read more; empty where the installation does not know its own address.
    """

    kind: str
    bug_id: int | None
    title: str
    said: str
    url: str
    at: datetime

    @property
    def heading(self) -> str:
        return self.title if self.bug_id is None else f"#{self.bug_id} {self.title}"


@dataclass(frozen=True, slots=True)
class Message:
    """One message.

    Attributes:
        key: Its identity, the same at each attempt.
        events: What happened, oldest first; none makes it a test.
        settings_url: Where one chooses what one is told; may be empty.
    """

    key: str
    events: tuple[Event, ...]
    settings_url: str

    @property
    def subject(self) -> str:
        if not self.events:
            return "BugFlow: this is a test"
        first = self.events[0]
        bugs = {event.bug_id for event in self.events}
        if len(bugs) == 1:
            return f"BugFlow: {first.title}" if first.bug_id is None else f"BugFlow #{first.bug_id}: {first.title}"
        n_bugs = len(bugs - {None})
        return f"BugFlow: {len(self.events)} events on {n_bugs} {'bug' if n_bugs == 1 else 'bugs'}"

    @property
    def _last(self) -> str:
        if not self.events:
            return "This channel works: here you will be told what you chose to be told."
        where = f": {self.settings_url}" if self.settings_url else " of BugFlow."
        return f"Choose what you are told under Settings{where}"

    def text(self, *, max_characters: int | None = None) -> str:
        """As plain text. What does not fit is counted in the end, not cut in the middle."""
        blocks = [_text_of(events) for events in self._by_bug()]
        for n_left_out in range(len(blocks) + 1):
            more = [f"And {n_left_out} more bugs in BugFlow."] if n_left_out else []
            text = "\n\n".join([*blocks[: len(blocks) - n_left_out], *more, self._last])
            if max_characters is None or len(text) <= max_characters:
                break
        return text

    def html(self) -> str:
        """As HTML; everything that people wrote is escaped."""
        blocks = "".join(f"<p>{_html_of(events)}</p>" for events in self._by_bug())
        last = escape(self._last.removesuffix(self.settings_url))
        link = f'<a href="{escape(self.settings_url)}">{escape(self.settings_url)}</a>' if self.settings_url else ""
        return f'<html><body>{blocks}<p style="color:#666">{last}{link if self.events else ""}</p></body></html>'

    def _by_bug(self) -> Iterator[list[Event]]:
        bugs: dict[int | None, list[Event]] = {}
        for event in self.events:
            bugs.setdefault(event.bug_id, []).append(event)
        yield from bugs.values()


def _text_of(events: list[Event]) -> str:
    first = events[0]
    lines = [first.heading, *(event.said for event in events), first.url]
    return "\n".join(line for line in lines if line)


def _html_of(events: list[Event]) -> str:
    first = events[0]
    title = escape(first.heading)
    head = f'<a href="{escape(first.url)}"><b dir="auto">{title}</b></a>' if first.url else f'<b dir="auto">{title}</b>'
    return "<br>".join([head, *(escape(event.said) for event in events)])


def without_commands(text: str) -> str:
    """The text for a chat, which calls people at an @, and makes links and markup of brackets.

    A word joiner, which nobody sees, takes each its meaning; what is read stays the same.
    """
    return re.sub(r"@|<|\](?=\()", "\\g<0>\N{WORD JOINER}", text)
