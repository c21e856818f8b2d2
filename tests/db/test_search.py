"""Full-text search means the same on both databases."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import Kind
from tests.factories import House

from bugflow.domain.accounts import Actor
from bugflow.schemas.bugs import BugFilter
from bugflow.services.bugs import reading

TEXTS = {
    "login": ("Login broken", "The sign-in page AND the session time out after 30s"),
    "cafe": ("Café menu", "Die Größe der Schrift springt"),
    "quote": ('Field "name" rejects O\'Brien', "user_name is null; 100% of the time"),
    "java": ("NullPointerException in OrderService.java", "at com.shop.OrderService.save(OrderService.java:42)"),
    "kanji": ("画面が固まる", "ログイン 画面"),
}


@pytest.fixture
def ann(house: House) -> Actor:
    actor = house.person("ann").actor
    assert actor is not None
    for title, description in TEXTS.values():
        house.report(actor, title=title, description=description)
    return actor


def found(house: House, actor: Actor, q: str) -> set[str]:
    with house.runtime.database.read() as session:
        titles = {bug.title for bug in reading.list_bugs(session, actor, BugFilter(q=q)).items}
    return {name for name, (title, _) in TEXTS.items() if title in titles}


@pytest.mark.parametrize(
    ("q", "names"),
    [
        ("login", {"login"}),
        ("LOGIN", {"login"}),
        ("logi", {"login"}),  # the last word may be unfinished
        ("log page", {"login"} - {"login"}),  # only the last
        ("page log", {"login"}),
        ("broken session", {"login"}),  # title and description together
        ("broken menu", set()),  # all words
        ("and", {"login"}),  # a word like any other
        ("login AND page", {"login"}),
        ("NOT login", set()),
        ("login OR menu", set()),
        ("NEAR(login page)", set()),
        ("login*", {"login"}),
        ("* login", {"login"}),
        ('"login', {"login"}),
        ("log'in", set()),
        ("O'Brien", {"quote"}),
        ("o brien", {"quote"}),
        ("user_name", {"quote"}),
        ("100%", {"quote"}),
        ("title:login", set()),
        ("-login", {"login"}),
        ("sign-in", {"login"}),
        ("café", {"cafe"}),
        ("CAFÉ", {"cafe"}),
        ("cafe\u0301", {"cafe"}),  # the accent as a character of its own
        ("größe", {"cafe"}),
        ("nullpointer", {"java"}),
        ("OrderService", {"java"}),
        ("画面", {"kanji"}),
        ("zebra", set()),
        ("!!! ---", set(TEXTS)),  # nothing to look for
        ("   ", set(TEXTS)),
        ("'; DROP TABLE bug; --", set()),
        (" ".join(["login"] * 60), {"login"}),
    ],
)
def test_search_finds(house: House, ann: Actor, q: str, names: set[str]) -> None:
    assert found(house, ann, q) == names


def test_accents_can_be_left_out_on_sqlite(house: House, ann: Actor, kind: Kind) -> None:
    assert found(house, ann, "cafe") == ({"cafe"} if kind == "sqlite" else set())


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(q=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40))
def test_nothing_that_is_typed_makes_search_fail(house: House, ann: Actor, q: str) -> None:
    found(house, ann, q)


@pytest.mark.parametrize("q", ["x" * 500, "é" * 500, "_", "²", "a_" * 200, "\u0301", "\U0001d518\U0001d52b"])
def test_odd_words_do_not_make_search_fail(house: House, ann: Actor, q: str) -> None:
    found(house, ann, q)


def test_an_edited_text_is_found_by_its_new_words_only(house: House) -> None:
    pia = house.person("pia", "pm")
    bug_id = pia.report("The old zebra")["id"]
    pia.patch(f"/api/v1/bugs/{bug_id}", json={"title": "A giraffe", "description": "And a lion"})

    def ids(q: str) -> list[int]:
        return [bug["id"] for bug in pia.get("/api/v1/bugs", params={"q": q}).json()["items"]]

    assert ids("giraffe lion") == [bug_id]
    assert ids("zebra") == []
