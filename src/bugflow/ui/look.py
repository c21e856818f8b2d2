"""Pieces of HTML that Streamlit has no element for; every text from people is escaped here."""

import re
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

import streamlit as st

from bugflow.domain.bugs import Status
from bugflow.domain.predictions import Severity
from bugflow.schemas.bugs import BugRead
from bugflow.schemas.predictions import ContributionRead, LabelProbability
from bugflow.ui.format import SEVERITY_NAMES, STATUS_NAMES, ago, initials, label_name, moment_text, percent
from bugflow.ui.language import gettext as _
from bugflow.ui.language import said

STYLE = Path(__file__).with_name("style.css")

MAX_HIGHLIGHTED_CHARACTERS = 20_000
"""Beyond it a description is a pasted log: shown as it is, without marks."""


def severity_badge(severity: str) -> str:
    name = SEVERITY_NAMES[Severity(severity)]
    return f'<span class="bf-badge bf-{escape(severity)}"><i aria-hidden="true"></i>{name}</span>'


def team_chip(team: str) -> str:
    return f'<span class="bf-chip">{escape(team)}</span>'


def status_mark(status: Status) -> str:
    return f'<span class="bf-status bf-{status}"><i aria-hidden="true"></i>{STATUS_NAMES[status]}</span>'


def flag(text: str) -> str:
    """A word that catches the eye in a line."""
    return f'<span class="bf-review">{escape(text)}</span>'


def bug_line(bug: BugRead, *, with_status: bool = True) -> str:
    """What one sees of a bug in a list, beside its title."""
    parts = [
        f'<span class="bf-number">#{bug.id}</span>',
        severity_badge(bug.severity),
        team_chip(bug.team),
        status_mark(bug.status) if with_status else "",
        flag(_("To review")) if bug.needs_review and bug.status is not Status.RESOLVED else "",
        f'<span class="bf-soft">{escape(bug.project)}</span>',
        f'<span class="bf-soft">{escape(bug.assigned_to.display_name)}</span>' if bug.assigned_to else "",
        f'<time class="bf-soft" title="{moment_text(bug.updated_at)}">{ago(bug.updated_at)}</time>',
    ]
    return f'<div class="bf-line">{"".join(parts)}</div>'


def person(name: str, extra: str = "") -> str:
    more = f'<span class="bf-soft">{escape(extra)}</span>' if extra else ""
    mark = f'<span class="bf-avatar" aria-hidden="true">{escape(initials(name))}</span>'
    return f'<span class="bf-person">{mark}<span><b>{escape(name)}</b>{more}</span></span>'


def bars(top: Iterable[LabelProbability]) -> str:
    """Labels with their probabilities as bars; the words carry the meaning."""
    rows = "".join(
        f'<li><span>{escape(label_name(one.label))}</span><b style="--share:{one.probability:.3f}" aria-hidden="true">'
        f"</b><span>{percent(one.probability)}</span></li>"
        for one in top
    )
    return f'<ol class="bf-bars">{rows}</ol>'


def text_block(text: str) -> str:
    """A text from people, strictly as text: neither HTML nor Markdown."""
    return f'<div class="bf-text">{escape(text)}</div>'


TITLE = "title: "
"""What a cue begins with that counts only in the title."""


def words_of(contributions: Sequence[ContributionRead], *, part: str = "") -> list[ContributionRead]:
    """The cues that are words or runs of words of the description, or of another part; signals are neither."""
    cues = [
        one.model_copy(update={"cue": one.cue.removeprefix(part)}) for one in contributions if one.cue.startswith(part)
    ]
    return [one for one in cues if re.fullmatch(r"\w[\w'.+#-]*( \w[\w'.+#-]*)*", one.cue)]


def highlighted(text: str, contributions: Sequence[ContributionRead], *, part: str = "") -> str:
    """The text, escaped, with the words marked that spoke for or against a label, stronger ones stronger."""
    words = {one.cue.casefold(): one.weight for one in words_of(contributions, part=part)}
    if not words or len(text) > MAX_HIGHLIGHTED_CHARACTERS:
        return text_block(text)
    strongest = max(abs(weight) for weight in words.values()) or 1.0
    cues = sorted(words, key=lambda cue: (-abs(words[cue]), -len(cue)))  # where cues overlap, the stronger is marked
    pattern = re.compile(
        r"(?<!\w)(?:" + "|".join(re.escape(cue).replace(r"\ ", r"\W{1,3}") for cue in cues) + r")(?!\w)", re.IGNORECASE
    )
    pieces: list[str] = []
    end = 0
    for found in pattern.finditer(text):
        weight = words.get(re.sub(r"\W{1,3}", " ", found[0].casefold()), words.get(found[0].casefold()))
        if weight is None:
            continue
        side = "for" if weight > 0 else "against"
        strength = 0.25 + 0.75 * abs(weight) / strongest
        pieces.append(escape(text[end : found.start()]))
        pieces.append(f'<mark class="bf-{side}" style="--strength:{strength:.2f}">{escape(found[0])}</mark>')
        end = found.end()
    pieces.append(escape(text[end:]))
    return f'<div class="bf-text">{"".join(pieces)}</div>'


def cue_name(cue: str) -> str:
    """A cue in the reader's language; words of the report stay as they are."""
    if cue.startswith(TITLE):
        return _("title: {words}", words=cue.removeprefix(TITLE))
    return said(cue) if cue.startswith(("signal: ", "project: ")) else cue


def reasons(contributions: Sequence[ContributionRead], *, n: int = 5) -> str:
    """The strongest cues as chips, with the side they speak for."""
    chips = "".join(
        f'<span class="bf-cue bf-{"for" if one.weight > 0 else "against"}">{escape(cue_name(one.cue))}'
        f"<small>{one.weight:+.2f}</small></span>"
        for one in contributions[:n]
    )
    return f'<div class="bf-line">{chips}</div>'


def show(*pieces: str) -> None:
    st.html("".join(pieces))


def note(text: str) -> None:
    """A sentence beside what it is about."""
    st.html(f'<p class="bf-note">{escape(text)}</p>')


def section(title: str, about: str = "", *, level: int = 2) -> None:
    """A heading below the page's own."""
    below = f'<p class="bf-note">{escape(about)}</p>' if about else ""
    st.html(f'<h{level} class="bf-sub">{escape(title)}</h{level}>{below}')


def heading(title: str, lead: str = "") -> None:
    """The page's one first-level heading. Streamlit's own would draw Markdown from a bug's title."""
    below = f'<p class="bf-lead">{escape(lead)}</p>' if lead else ""
    st.html(f'<h1 class="bf-title">{escape(title)}</h1>{below}')


def empty(title: str, hint: str) -> None:
    """What a list shows that has nothing to show."""
    st.html(f'<div class="bf-empty" role="status"><b>{escape(title)}</b><span>{escape(hint)}</span></div>')
