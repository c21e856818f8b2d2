"""The language of the pages: gettext catalogues, chosen by the person, else their browser, else the installation.

Catalogues are read from their source (`locales/es.po`), so there is nothing to compile: one file adds a language.
"""

import io
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from gettext import GNUTranslations, NullTranslations
from inspect import cleandoc
from pathlib import Path
from typing import NamedTuple, TypeVar

import streamlit as st
from babel import Locale, UnknownLocaleError, negotiate_locale
from babel.messages.catalog import Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po
from babel.numbers import format_decimal
from streamlit.runtime.scriptrunner import get_script_run_ctx

from bugflow.errors import InvalidSettings

Key = TypeVar("Key")

ENGLISH = "en"
SHIPPED = Path(__file__).with_name("locales")
SAID = "said"
"""Context of the sentences that the API composes: templates by which its English is recognised."""

_asked: ContextVar[str | None] = ContextVar("bugflow_language", default=None)


class Names(Mapping[Key, str]):
    """Names of things, each translated when it is looked up: dictionaries are made before anybody has a language."""

    def __init__(self, names: Mapping[Key, str]) -> None:
        self._names = dict(names)

    def __getitem__(self, key: Key) -> str:
        return gettext(self._names[key])

    def __iter__(self) -> Iterator[Key]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


# -- Translating ---


def gettext(message: str, **values: object) -> str:
    """The message in the reader's language, with the values put into its braces."""
    return _filled(_catalogue(current()).gettext(message) if message else "", values)


def ngettext(one: str, many: str, n: int, **values: object) -> str:
    """The message for `n` things, by the rule of the language; `{n}` is the number."""
    return _filled(_catalogue(current()).ngettext(one, many, n), {"n": number_text(n), **values})


def mark(message: str) -> str:
    """The message as it is, for a catalogue to know it: translated where it is shown."""
    return message


def said(text: str) -> str:
    """What the API composed, in the reader's language; sentences that no template fits stay as they are."""
    return " ".join(_recognised(sentence) or sentence for sentence in re.split(r"(?<=\.)\s+", text))


def said_as(template: str, sentence: str) -> str:
    """The same where the template is known: an error's, by its code."""
    wanted = cleandoc(template)
    translation = _catalogue(current()).pgettext(SAID, wanted)
    found = _pattern(wanted).fullmatch(sentence)
    if translation == wanted or found is None:
        return sentence
    return _with_facts(translation, found)


def _recognised(sentence: str) -> str | None:
    for template in _templates(current()):
        found = template.pattern.fullmatch(sentence)
        if found is not None:
            return _with_facts(template.translation, found)
    return None


def _with_facts(translation: str, found: re.Match[str]) -> str:
    """The translation with what stood in the sentence's braces, of which the catalogue knows some words too."""
    facts = {
        name: ", ".join(_recognised(part) or part for part in fact.split(", "))
        for name, fact in found.groupdict().items()
    }
    return translation.format(**facts)


def _filled(message: str, values: Mapping[str, object]) -> str:
    return message.format(**values) if values else message


class _Template(NamedTuple):
    pattern: re.Pattern[str]
    translation: str


def _pattern(template: str) -> re.Pattern[str]:
    """What a template's sentences look like: a brace stands for any text."""
    seen: set[str] = set()
    parts = re.split(r"\{(\w+)(?:![rs])?(?::[^}]*)?\}", template)
    for place in range(1, len(parts), 2):
        name = parts[place]
        parts[place] = f"(?P={name})" if name in seen else f"(?P<{name}>.*?)"
        seen.add(name)
    for place in range(0, len(parts), 2):
        parts[place] = re.escape(parts[place])
    return re.compile("".join(parts), re.DOTALL)


@cache
def _templates(code: str) -> list[_Template]:
    """A language's templates, those with the most words of their own first."""
    # gettext keeps a context before its message, with this sign between (GNU gettext manual, 10.2).
    begin = f"{SAID}\x04"
    known = getattr(_catalogue(code), "_catalog", {})
    pairs = [(key.removeprefix(begin), text) for key, text in known.items() if str(key).startswith(begin) and text]
    pairs.sort(key=lambda pair: -len(re.sub(r"\{[^}]*\}", "", pair[0])))
    return [_Template(_pattern(template), text) for template, text in pairs]


def understood(names: Names[Key], labels: Iterable[str]) -> list[Key]:
    """What labels stand for, in whatever language they were written; a key itself is understood, too."""
    keys = {str(key): key for key in names}
    for code in (ENGLISH, *_installation.files):
        with reading(code):
            keys |= {label: key for key, label in names.items()}
    return [keys[label] for label in labels if label in keys]


def follow_link(key: str, names: Names[Key], *, many: bool) -> bool:
    """Let the widget of this key take up what the address says of it, in whatever language; whether it said anything.

    Streamlit writes the labels of what was chosen into the address, and reads those of the reader's language only.
    """
    chosen = understood(names, st.query_params.get_all(key))
    if not chosen or key in st.session_state:
        return False
    st.session_state[key] = [str(one) for one in chosen] if many else chosen[0]
    return True


# -- Choosing ---


def choose(*wanted: str | None) -> None:
    """Fix the language of this tab: the first wanted one that there is, else the installation's."""
    st.session_state["language"] = negotiate(*wanted)


def negotiate(*wanted: str | None) -> str:
    """The language for somebody who wants these, such as "de-AT", most wanted first."""
    asked = [one.replace("-", "_") for one in wanted if one]
    found = negotiate_locale(asked, [ENGLISH, *_installation.files])
    return found or _installation.default


def accepted(header: str) -> list[str]:
    """The languages of an `Accept-Language` header, the preferred ones first."""
    choices = []
    for part in header.split(","):
        code, _, weight = part.strip().partition(";q=")
        try:
            choices.append((-float(weight or 1), code))
        except ValueError:
            continue
    return [code for _, code in sorted(choices, key=lambda choice: choice[0]) if re.fullmatch(r"[A-Za-z-]{2,10}", code)]


@contextmanager
def reading(code: str) -> Iterator[None]:
    """Everything within is written in this language: for what is drawn without Streamlit."""
    token = _asked.set(code)
    try:
        yield
    finally:
        _asked.reset(token)


def current() -> str:
    """The code of the reader's language, such as "es"."""
    asked = _asked.get()
    if asked is not None:
        return asked
    if get_script_run_ctx(suppress_warning=True) is None:
        return ENGLISH
    return str(st.session_state.get("language", ENGLISH))


def locale() -> Locale:
    return Locale.parse(current())


def names() -> dict[str, str]:
    """The languages there are, each by its own name."""
    codes = sorted({ENGLISH, *_installation.files}, key=lambda code: (code != ENGLISH, code))
    return {code: (Locale.parse(code).get_display_name() or code).capitalize() for code in codes}


def number_text(number: float) -> str:
    return format_decimal(number, locale=locale())


# -- Catalogues ---


class _Installation:
    """What this process offers: set once, before the first page is drawn."""

    default = ENGLISH
    files: Mapping[str, Path]

    def __init__(self) -> None:
        self.files = {file.stem: file for file in SHIPPED.glob("*.po")}


_installation = _Installation()


def install(*, default: str = ENGLISH, folder: Path | None = None) -> None:
    """Say which language those read who chose none, and where catalogues of the installation's own lie.

    Raises:
        InvalidSettings: There is no such language or folder, or a catalogue of it cannot be used.
    """
    if folder is not None and not folder.is_dir():
        raise InvalidSettings(reason=f"BUGFLOW_LOCALES_DIR is no folder: {folder}")
    own = {file.stem: file for file in sorted(folder.glob("*.po"))} if folder else {}
    for file in own.values():
        found = problems_of(file)
        if found:
            raise InvalidSettings(reason=f"the catalogue {file}: {found[0]}")
    _installation.files = {file.stem: file for file in SHIPPED.glob("*.po")} | own
    _catalogue.cache_clear()
    _templates.cache_clear()
    if default not in names():
        raise InvalidSettings(reason=f"BUGFLOW_LANGUAGE: '{default}' is none of {', '.join(names())}")
    _installation.default = default


def problems_of(file: Path) -> list[str]:
    """What is wrong with a catalogue, in words; empty where it can be used."""
    try:
        Locale.parse(file.stem)
        with file.open("rb") as source:
            catalogue = read_po(source, locale=file.stem, abort_invalid=True)
    except (UnknownLocaleError, ValueError, PoFileError) as error:
        return [f"{error}"]
    return [f"line {message.lineno}: the braces of {message.id!r} differ" for message in catalogue if _differs(message)]


def _differs(message: Message) -> bool:
    """Whether a translation has braces that its message has not, which nothing would fill."""
    originals, translations = (
        [text] if isinstance(text, str) else list(text or ()) for text in (message.id, message.string)
    )
    known = {name for text in originals for name in _BRACES.findall(text)}
    return any(not set(_BRACES.findall(text)) <= known for text in translations)


_BRACES = re.compile(r"\{(\w*)[^}]*\}")


@cache
def _catalogue(code: str) -> NullTranslations:
    file = _installation.files.get(code)
    if file is None:
        return NullTranslations()
    compiled = io.BytesIO()
    with file.open("rb") as source:
        write_mo(compiled, read_po(source, locale=code))
    compiled.seek(0)
    return GNUTranslations(compiled)
