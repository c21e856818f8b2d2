"""Clean the words of a report: one pipeline for training and serving."""

import html
import re
import unicodedata
from dataclasses import dataclass

from bugflow.domain.predictions import BugText
from bugflow.ml.noise import HEADINGS, LINE_STARTS, PLATFORMS, WHOLE_LINES, one_of

MAX_TITLE_CHARACTERS = 1_000  # the longest of 154,537 real titles has 256
MAX_DESCRIPTION_CHARACTERS = 20_000  # where the training data is cut; 99.6 % of real descriptions are shorter
MAX_FINDINGS = 20  # of each kind; more say nothing new and would make the result unbounded
SHORTEST_SAMPLE_CHARACTERS = 20  # requirements 3.1: shorter texts are no training samples; they are still predicted

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_FENCE = re.compile(
    r"(?P<md>```|~~~|@@@)|\{(?P<jira>code|noformat)(?::[^{}\n]{0,80})?\}|</?(?P<html>pre)\b[^<>\n]{0,80}>",
    re.IGNORECASE,
)
_TAG = re.compile(r"<!--.{0,2000}?-->|<[a-zA-Z/!?][^<>]{0,300}>", re.DOTALL)
_ENTITY = re.compile(r"&(?:[a-zA-Z]{2,8}|#\d{1,7}|#x[0-9a-fA-F]{1,6});")
_URL = re.compile(r"\b(?:https?|ftp|file|git)://[^\s<>\"]+|\bwww\.[^\s<>\"]+", re.IGNORECASE)
_MARKUP = str.maketrans(dict.fromkeys('<>{}|`*#~^=&@\\"[]', " "))
_BLANKS = re.compile(r"[^\S\n]+")
_FRAME = re.compile(
    r"at (?:async |new )?[\w$]+[.$/:]\S[^\n]*\("  # Java, .NET, JavaScript
    r"|File \S{1,300} ?, line \d"  # Python
    r"|(?:from )?\S{1,300}:\d{1,6}:in "  # Ruby
    r"|\d{1,3}:? (?:\S{1,100} )?0x[0-9a-fA-F]{4}",  # gdb, Rust, Apple
)
_MORE_FRAMES = re.compile(r"(?:\.\.\. )?\d+ (?:more|common frames omitted)$")
_EXCEPTION = re.compile(
    r"\b(?:[A-Za-z_]\w{0,60}\.){0,12}[A-Z]\w{0,80}(?:Exception|Error|Fault|Panic)\b|\bSIG(?:SEGV|ABRT|BUS|ILL|FPE|KILL)\b"
)
_ERROR_CODE = re.compile(r"\b(?:0x[0-9a-fA-F]{4,16}|[A-Z]{2,10}[-_]?\d{3,6}|E[A-Z]{4,12}|HTTP[ /]?[1-5]\d\d)\b")
_VERSION = re.compile(
    r"\bv?\d{1,4}(?:\.\d{1,6}){1,3}(?:[-.]?(?:alpha|beta|rc|snapshot|ga|m)\.?\d{0,3})?\b", re.IGNORECASE
)
_STEPS = re.compile(
    r"\b(?:steps? (?:to|for) re(?:produce|peat|create)|how to reproduce|to reproduce:|repro(?:duction)? steps|str:)"
    r"|^ ?1[.)] \S.*\n(?:.*\n)? ?2[.)] ",
    re.MULTILINE,
)
# Looking for a fixed string first is ten times faster than the expression, and most reports hold none of them.
_EXCEPTION_HINTS = ("Exception", "Error", "Fault", "Panic", "SIG")
_STEPS_HINTS = ("to re", "for re", "repro", "str:", "\n2", "\n 2")
_PLATFORM = re.compile("|".join(PLATFORMS))  # on lower-cased text: ignoring case would take three times as long
_HEADING = one_of(HEADINGS)
_BOILERPLATE = one_of(LINE_STARTS)
_COURTESY = one_of(WHOLE_LINES)


@dataclass(frozen=True, slots=True)
class CleanText:
    """A report without its noise, and what was found in it.

    Attributes:
        title: At most `MAX_TITLE_CHARACTERS`, one line.
        description: At most `MAX_DESCRIPTION_CHARACTERS`; lines without blanks at their ends, no empty lines.
        code: What stood in code fences and stack frames, in order; at most `MAX_DESCRIPTION_CHARACTERS`.
        exceptions: Names such as `java.lang.NullPointerException` or `SIGSEGV`, from the whole report, in order.
        error_codes: Such as `0xC0000005`, `ORA-00942`, `ECONNREFUSED`.
        versions: Such as `2.1.0-rc1`.
        platforms: Lower-case names such as `android`.
        n_frames: Number of stack frames.
        has_steps: Whether it says how to reproduce the bug.
        truncated: Whether a part beyond the limits was left out.
        project: Lower-case, one line; empty if the report names none.
    """

    title: str
    description: str
    code: str = ""
    exceptions: tuple[str, ...] = ()
    error_codes: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    n_frames: int = 0
    has_steps: bool = False
    truncated: bool = False
    project: str = ""

    @property
    def long_enough(self) -> bool:
        """Whether it may be a training sample."""
        return len(self.title) + len(self.description) >= SHORTEST_SAMPLE_CHARACTERS


def clean(text: BugText) -> CleanText:
    """Take a report apart. Never raises, whatever the strings hold; linear in their length up to the limits."""
    title, title_cut = _normalise(text.title, limit=MAX_TITLE_CHARACTERS)
    description, description_cut = _normalise(text.description, limit=MAX_DESCRIPTION_CHARACTERS)
    prose, blocks = _split_fences(description)
    lines, frames = _sort_lines(_strip_markup(prose))
    code = "\n".join([*(_strip_markup(block) for block in blocks), *frames])
    whole = f"{title}\n{description}"
    lowered = whole.lower()
    return CleanText(
        title=" ".join(_strip_markup(title).split()),
        description="\n".join(lines),
        code=code[:MAX_DESCRIPTION_CHARACTERS],
        exceptions=_find(_EXCEPTION, whole) if any(ending in whole for ending in _EXCEPTION_HINTS) else (),
        error_codes=_find(_ERROR_CODE, whole),
        versions=_find(_VERSION, whole),
        platforms=_find(_PLATFORM, lowered),
        n_frames=sum(1 for line in code.split("\n") if _FRAME.match(line.lstrip())),
        has_steps=any(hint in lowered for hint in _STEPS_HINTS) and _STEPS.search(lowered) is not None,
        truncated=title_cut or description_cut,
        project=" ".join(_normalise(text.project or "", limit=MAX_TITLE_CHARACTERS)[0].lower().split()),
    )


def _normalise(text: str, *, limit: int) -> tuple[str, bool]:
    """Entities decoded, NFKC, one kind of line end, nothing invisible or unprintable; and whether it was cut."""
    kept = text[:limit]
    if "&" in kept:
        kept = _ENTITY.sub(lambda match: html.unescape(match.group()), kept)
    if not kept.isascii():
        kept = unicodedata.normalize("NFKC", _UNPRINTABLE.sub(" ", _INVISIBLE.sub("", kept)))
    kept = _UNPRINTABLE.sub(" ", kept.replace("\r\n", "\n").replace("\r", "\n"))
    return kept[:limit], len(text) > limit or len(kept) > limit


def _split_fences(text: str) -> tuple[str, list[str]]:
    """Prose and closed code blocks. One pass over the delimiters; what follows an unclosed one stays prose."""
    prose: list[str] = []
    blocks: list[str] = []
    opened: re.Match[str] | None = None
    start = 0
    for match in _FENCE.finditer(text):
        if opened is None:
            if match.group().startswith("</"):
                continue
            prose.append(text[start : match.start()])
            opened, start = match, match.end()
        elif _fence_kind(match) == _fence_kind(opened):
            blocks.append(text[start : match.start()])
            opened, start = None, match.end()
    prose.append(text[start:])
    return "\n".join(prose), blocks


def _fence_kind(match: re.Match[str]) -> str:
    return next(group for group in match.groups() if group).lower()


def _strip_markup(text: str) -> str:
    """Without tags, addresses and markup characters. None of them is left, so doing it twice changes nothing."""
    if "<" in text:
        text = _TAG.sub(" ", text)
    if "/" in text or "www." in text:
        text = _URL.sub(" ", text)
    return _BLANKS.sub(" ", text.translate(_MARKUP))


def _sort_lines(text: str) -> tuple[list[str], list[str]]:
    """The lines that say something, and the stack frames."""
    kept: list[str] = []
    frames: list[str] = []
    for raw in text.split("\n"):
        line = raw.strip()
        if not line:
            continue
        if _FRAME.match(line) or _MORE_FRAMES.match(line):
            frames.append(line)
        elif not (_BOILERPLATE.match(line) or _is_form(line)):
            kept.append(line)
    return kept, frames


def _is_form(line: str) -> bool:
    """Whether a template or politeness put this line there; such lines are short."""
    bare = line.rstrip(" .,!:-").removeprefix("h2. ").removeprefix("h3. ").strip("() ")
    return len(line) < 80 and (_HEADING.fullmatch(bare) or _COURTESY.fullmatch(bare)) is not None


def _find(pattern: re.Pattern[str], text: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for match in pattern.finditer(text):
        found[match.group()] = None
        if len(found) == MAX_FINDINGS:
            break
    return tuple(found)
