"""The pages speak the reader's language, wholly, and take a further one as a file."""

import ast
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from tests.ui.fakes import FakeApi
from tests.ui.test_pages import Open, html_of, labels

import bugflow.ui
from bugflow import errors
from bugflow.client import ApiProblem
from bugflow.domain.bugs import Status
from bugflow.domain.gate import Evidence, Frozen, Recall, judge
from bugflow.errors import InvalidSettings
from bugflow.ml.explain import LEARNED, MEANING
from bugflow.ml.features import SIGNALS
from bugflow.schemas.problems import Problem
from bugflow.ui import format as words
from bugflow.ui import language, look, trouble

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PAGES = Path(bugflow.ui.__file__).parent
SHIPPED = sorted(language.SHIPPED.glob("*.po"))


@pytest.fixture
def own_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "locales"
    folder.mkdir()
    return folder


def catalogue(folder: Path, code: str, message: str, translation: str) -> None:
    head = f'msgid ""\nmsgstr ""\n"Language: {code}\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n'
    (folder / f"{code}.po").write_text(f'{head}\nmsgid "{message}"\nmsgstr "{translation}"\n', "utf-8")


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_a_shipped_language_has_every_message_translated(file: Path) -> None:
    with file.open("rb") as source:
        messages = [message for message in read_po(source) if message.id]
    untranslated = [
        message.id
        for message in messages
        if not message.string or (not isinstance(message.string, str) and not all(message.string))
    ]
    assert len(messages) > 500
    assert not untranslated
    assert not language.problems_of(file)


def test_english_spanish_and_german_are_there() -> None:
    assert language.names() == {"en": "English", "de": "Deutsch", "es": "Español"}


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (("es",), "es"),
        ((None, "de-AT"), "de"),
        (("de", "es-MX"), "de"),
        ((None, "fi-FI"), "en"),
        (("zz", "es-419"), "es"),
        ((None, None), "en"),
    ],
)
def test_the_person_decides_then_the_browser_then_the_installation(wanted: tuple[str | None, ...], code: str) -> None:
    assert language.negotiate(*wanted) == code


def test_a_browsers_languages_count_in_the_order_it_prefers_them() -> None:
    assert language.accepted("en;q=0.3, es-ES;q=0.9,de") == ["de", "es-ES", "en"]
    assert language.accepted("*;q=0.5, ,;q=x,<script>") == []


def test_time_and_numbers_follow_the_language() -> None:
    with language.reading("de"):
        assert words.ago(NOW - timedelta(minutes=5), now=NOW) == "vor 5 Min."
        assert words.moment_text(NOW) == "01.03.2026, 12:00:00 UTC"
        assert words.size_text(1536).replace(words.NARROW, " ") == "1,5 kB"
        assert language.number_text(12_345) == "12.345"
    with language.reading("es"):
        assert words.ago(NOW - timedelta(hours=2), now=NOW) == "hace 2 h"
        assert words.STATUS_NAMES[Status.OPEN] == "Abierto"


def test_one_and_many_are_told_apart() -> None:
    with language.reading("es"):
        texts = [language.ngettext("Affects {n} person", "Affects {n} people", n) for n in (1, 2)]
    assert texts == ["Afecta a 1 persona", "Afecta a 2 personas"]


def test_what_the_api_composed_is_recognised_and_the_rest_stays_as_it_is() -> None:
    with language.reading("de"):
        assert language.said("Near twin #12 was given to Backend") == "Der fast gleiche #12 kam zu Backend"
        assert language.said("Unsure between high and critical") == "Schwankt zwischen hoch und kritisch"
        run = language.said("Nobody has said anything about a team yet. severity-4 was refused. It works, he said.")
        assert run == "Noch hat niemand etwas gesagt zu: Team. severity-4 wurde abgelehnt. It works, he said."
    assert language.said("Near twin #12 was given to Backend") == "Near twin #12 was given to Backend"


def test_every_cue_that_is_no_word_of_the_report_is_recognised() -> None:
    signals = [f"signal: {name}" for name in SIGNALS]
    with language.reading("de"):
        assert not [cue for cue in (*signals, MEANING, LEARNED) if look.cue_name(cue) == cue]
        assert look.cue_name("title: open") == "Titel: open"
        assert look.cue_name("open") == "open"


def test_every_sentence_of_the_gate_is_recognised() -> None:
    few, many = Recall(10, 4, 8), Recall(50, 40, 41)
    frozen = Frozen(
        known=many, only_champion=2, only_candidate=3, macro_f1=(0.5, 0.6, 0.7), calibration_error=(0.02, 0.03),
        recalls={"high": many}, strangers=many,
    )  # fmt: skip
    evidence = Evidence(
        n=20, champion_right=3, candidate_right=18, n_disputed=20, n_doubtful=2, by_chance=0.3, n_acted=10,
        acted_right=9, accepted=many, known=many, only_champion=2, only_candidate=3,
        recalls={"critical": few, "high": many}, pinned=Recall(3, 2, 3), unlearned_pins=(7,), frozen=frozen,
    )  # fmt: skip
    texts = [rule.text for rule in judge(evidence, promise=0.9)]
    assert len(texts) > 10
    with language.reading("es"):
        assert not [text for text in texts if language.said(text) == text]


def test_a_refusal_is_said_in_the_readers_language() -> None:
    error = errors.IllegalMove(old="open", new="resolved", allowed="in_progress")
    problem = Problem(title="Conflict", status=409, detail=str(error), instance="/", code=error.code)
    with language.reading("de"):
        said = trouble.message_of(ApiProblem(problem))
    assert said == "Ein Bug, der offen ist, kann nicht gelöst werden. Von offen aus kann er werden: in Arbeit."


def test_a_page_is_drawn_in_the_language_of_the_person(api: FakeApi, page_of: Open) -> None:
    api.profiles[3] = {"locale": "es"}
    api.add_bug()
    app = page_of("pm", "board")
    assert "Tablero" in html_of(app)
    assert "Cerrar sesión" in [button.label for button in app.sidebar.button]
    assert "Confirmar tal cual" in labels(page_of("pm", "review")) or "Nada que revisar" in html_of(
        page_of("pm", "review")
    )


def test_a_further_language_is_one_file(own_folder: Path) -> None:
    catalogue(own_folder, "fr", "Board", "Tableau")
    try:
        language.install(default="fr", folder=own_folder)
        assert language.names()["fr"] == "Français"
        with language.reading(language.negotiate("fr-CA")):
            assert language.gettext("Board") == "Tableau"
            assert language.gettext("Review") == "Review"
        assert language.negotiate("fi") == "fr"
    finally:
        language.install()


@pytest.mark.parametrize(
    ("code", "translation", "told"),
    [("fr", "Non lus : {m}", "braces"), ("q1", "x", "unknown locale|q1")],
)
def test_a_catalogue_that_cannot_be_used_is_refused_by_name(
    own_folder: Path, code: str, translation: str, told: str
) -> None:
    catalogue(own_folder, code, "Unread: {n}", translation)
    with pytest.raises(InvalidSettings, match=rf"{code}\.po.*({told})"):
        language.install(folder=own_folder)


def test_a_language_or_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="BUGFLOW_LANGUAGE: 'tlh' is none of en, de, es"):
        language.install(default="tlh")
    with pytest.raises(InvalidSettings, match="BUGFLOW_LOCALES_DIR"):
        language.install(folder=tmp_path / "nowhere")
    language.install()


# -- No word outside of the catalogues ---

SHOWN_FIRST = {
    "button", "text_input", "text_area", "selectbox", "multiselect", "radio", "pills", "toggle", "checkbox",
    "number_input", "file_uploader", "slider", "expander", "popover", "form_submit_button", "segmented_control",
    "download_button", "warning", "error", "info", "success", "spinner", "dialog", "text", "toast", "heading",
    "section", "note", "empty", "flag", "toast_later", "_saved", "_changed",
}  # fmt: skip
TRANSLATORS = {"_", "gettext", "mark", "ngettext"}
SHOWN_NAMES = {"label", "placeholder", "help", "alt", "title"}


def _messages(file: Path) -> list[str]:
    with file.open("rb") as source:
        return [one for message in read_po(source) if not message.context for one in _texts(message.id)]


def _texts(message: object) -> list[str]:
    return [message] if isinstance(message, str) else [str(one) for one in message]  # type: ignore[attr-defined]


def _is_english(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and any(char.isalpha() for char in node.value)
    if isinstance(node, ast.JoinedStr):
        return any(_is_english(part) for part in node.values if isinstance(part, ast.Constant))
    return False


def _bare(call: ast.Call) -> list[ast.expr]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    shown = [keyword.value for keyword in call.keywords if keyword.arg in SHOWN_NAMES]
    if name in SHOWN_FIRST:
        shown += call.args[: 2 if name in {"section", "empty", "heading"} else 1]
    if name in {"changed", "_saved"}:
        shown += call.args[1:2]
    return [node for node in shown if _is_english(node)]


def test_nothing_that_a_page_says_is_missing_from_the_catalogues() -> None:
    bare = [
        f"{file.relative_to(PAGES)}:{node.lineno}"
        for file in PAGES.rglob("*.py")
        for call in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(call, ast.Call)
        for node in _bare(call)
    ]
    assert not bare


def test_a_word_that_is_translated_in_one_place_is_translated_in_all() -> None:
    known = {one for file in SHIPPED for one in _messages(file) if " " in one or one[:1].isupper()}
    translated, said = set(), set()
    for file in PAGES.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in TRANSLATORS:
                translated |= {id(argument) for argument in node.args}
            elif isinstance(node, ast.Constant) and node.value in known:
                said.add((id(node), f"{file.relative_to(PAGES)}:{node.lineno}"))
    assert not [place for node, place in said if node not in translated]
