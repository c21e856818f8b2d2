"""People's journeys through a real installation in a real browser; each run leaves screenshots to look at."""

import os
from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.ui.browsing import SCREENSHOTS, OpenAs, go, serious, settle, shoot
from tests.ui.fakes import PASSWORD
from tests.ui.installation import Installation, find_chromium, running

from bugflow.client import Client, connect
from bugflow.schemas.accounts import MePatch
from bugflow.schemas.bugs import BugCreate, BugPatch

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_chromium() is None and os.environ.get("CI") != "true", reason="needs Chromium"),
]

REPORTS = [
    ("Cart is emptied when a guest signs in", "The cart shows 0 items after signing in. Happens every time.", "Shop"),
    ("Checkout crashes with a null pointer", "NullPointerException in PaymentService, the API answers 500.", "Shop"),
    ("Label overlaps the button on small screens", "On the settings page the label covers the button.", "Shop"),
    ("Push notifications arrive twice on Android", "Each reminder comes two times since version 4.2.", "App"),
    ("Build runners fail: no space left on device", "The pipeline stops, docker images fill the disk.", "Platform"),
    ("Typo on the pricing page", "It says 'montly' in the second column.", "Shop"),
]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with running(tmp_path_factory.mktemp("installation")) as started:
        with connect(started.api_url) as http:
            tester, pm = Client(http), Client(http)
            tester.sign_in("tess", PASSWORD)
            pm.sign_in("paula", PASSWORD)
            devi = next(user for user in pm.list_users().items if user.username == "devi")
            for number, (title, text, project) in enumerate(REPORTS):
                bug = tester.report_bug(BugCreate(title=title, description=text, project=project))
                if number % 2:
                    pm.patch_bug(bug.id, BugPatch(assigned_to_id=devi.id))
            pm.add_comment(1, "Seen on staging too.\n<b>as written</b>")
        yield started


def card_in(page: Page, status: str, title: str) -> Locator:
    return page.locator(f"section.{status} .card", has_text=title)


def focused_card(page: Page) -> str | None:
    found: str | None = page.evaluate(
        "(() => { let a = document.activeElement; while (a?.shadowRoot) a = a.shadowRoot.activeElement;"
        " return a?.dataset?.id ?? null; })()"
    )
    return found


def test_a_tester_reports_in_plain_words_and_sees_what_bugflow_makes_of_it(open_as: OpenAs) -> None:
    page = open_as("tess")
    expect(page.get_by_role("heading", name="Report a bug")).to_be_visible()
    field = page.get_by_label("What happened?")
    field.click()
    page.keyboard.type("The app crashes with a null pointer exception when I pay on Android", delay=4)
    expect(page.get_by_text("Because of").first).to_be_visible()
    expect(field).to_be_focused()
    shoot(page, "report-suggestion")
    page.get_by_role("combobox", name="Project").click()
    page.keyboard.type("Brand new project")
    page.wait_for_timeout(300)
    page.keyboard.press("Enter")
    settle(page)
    page.get_by_role("button", name="Report bug").click()
    expect(page.get_by_text("is reported.")).to_be_visible()
    shoot(page, "report-done")
    page.get_by_role("link", name="The app crashes").click()
    expect(page.get_by_role("heading", level=1, name="The app crashes")).to_be_visible()
    assert "/bug?id=" in page.url


def test_the_session_survives_a_refresh_and_ends_in_every_tab_on_sign_out(
    open_as: OpenAs, installation: Installation
) -> None:
    page = open_as("tess", "/bugs?view=All")
    page.reload()
    settle(page)
    expect(page.get_by_role("heading", name="My bugs")).to_be_visible()
    assert "view=All" in page.url
    cookie = next(one for one in page.context.cookies() if one["name"] == "bugflow_session")
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"
    stored = page.evaluate("JSON.stringify([localStorage, sessionStorage]) + document.cookie + document.body.outerHTML")
    assert cookie["value"] not in stored
    assert "eyJ" not in stored  # how every signed token begins
    other = page.context.new_page()
    go(other, installation.ui_url, "/report")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in*")
    other.get_by_label("Title (optional)").fill("still here?")
    other.keyboard.press("Tab")
    other.wait_for_url("**/sign-in*")
    page.goto(f"{installation.ui_url}/bugs")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_a_developer_moves_a_card_by_drag_and_by_keyboard(open_as: OpenAs) -> None:
    page = open_as("devi", "/board")
    title = "Checkout crashes"
    card_in(page, "open", title).scroll_into_view_if_needed()
    box, target = card_in(page, "open", title).bounding_box(), page.locator("section.in_progress").bounding_box()
    assert box is not None
    assert target is not None
    page.mouse.move(box["x"] + 30, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 60, box["y"] + 40, steps=3)
    page.mouse.move(target["x"] + 80, target["y"] + 90, steps=6)
    page.screenshot(path=SCREENSHOTS / "board-drag.png")
    page.mouse.up()
    expect(card_in(page, "in_progress", title)).to_be_visible()
    expect(page.locator(".live")).to_contain_text("In progress")
    expect(page.locator(".live")).not_to_contain_text("moving")
    shoot(page, "board-undo")
    page.get_by_role("button", name="Undo").click()
    expect(card_in(page, "open", title)).to_be_visible()
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)
    card_in(page, "open", title).focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".live")).to_contain_text("In progress")
    expect(page.locator(".live")).not_to_contain_text("moving")
    page.reload()
    settle(page)
    card = card_in(page, "in_progress", title)
    expect(card).to_be_visible()
    card.focus()
    page.keyboard.press("ArrowRight")
    expect(card_in(page, "resolved", title)).to_be_visible()
    expect(page.locator(".live")).not_to_contain_text("moving")
    assert focused_card(page) == card_in(page, "resolved", title).get_attribute("data-id")
    page.keyboard.press("ArrowLeft")  # resolved cannot become in progress
    expect(page.locator(".live.refused")).to_be_visible()
    expect(card_in(page, "resolved", title)).to_be_visible()


def test_a_card_that_the_api_refuses_to_move_goes_back(open_as: OpenAs, installation: Installation) -> None:
    page = open_as("paula", "/board")
    title = "Typo on the pricing page"
    bug_id = int(card_in(page, "open", title).get_attribute("data-id") or 0)
    with connect(installation.api_url) as http:
        other = Client(http)
        other.sign_in("paula", PASSWORD)
        for status in ("in_progress", "resolved"):
            other.patch_bug(bug_id, BugPatch.model_validate({"status": status}))
    card_in(page, "open", title).focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".live.refused")).to_contain_text("cannot become")
    expect(card_in(page, "in_progress", title)).to_have_count(0)


def test_a_card_opens_beside_the_board_and_is_moved_by_touch(open_as: OpenAs) -> None:
    page = open_as("paula", "/board", width=800, has_touch=True)
    card = card_in(page, "open", "Label overlaps")
    card.tap()
    drawer = page.get_by_role("dialog")
    expect(drawer.get_by_text("On the settings page")).to_be_visible()
    shoot(page, "board-drawer")
    drawer.get_by_role("button", name="Start work").click()
    expect(card_in(page, "in_progress", "Label overlaps")).to_be_visible()


def test_a_pm_corrects_with_a_reason_and_sees_the_count_rise(open_as: OpenAs, installation: Installation) -> None:
    page = open_as("paula", "/bug?id=1")
    chosen = page.get_by_role("radiogroup", name="Severity").or_(page.get_by_label("Severity")).first
    current = chosen.locator("[aria-checked=true]").inner_text()
    page.get_by_role("radio", name="Low" if current != "Low" else "High").click()
    page.get_by_label("Reason (optional)").fill("Only on one page")
    page.get_by_role("button", name="Correct to").click()
    expect(page.get_by_text("Corrections so far: 1")).to_be_visible()
    go(page, installation.ui_url, "/review")
    expect(page.get_by_text("New corrections: 1 of 50. Then the next model is trained.")).to_be_visible()


def tab_to(page: Page, target: Locator) -> None:
    """Go to something as somebody does who has no mouse."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if target.evaluate("element => element.contains(element.getRootNode().activeElement)"):
            return
    raise AssertionError("no way there by keyboard")


def test_a_tester_reports_a_bug_without_a_mouse(open_as: OpenAs) -> None:
    page = open_as("tess", "/report")
    tab_to(page, page.get_by_label("What happened?"))
    page.keyboard.type("Search returns nothing since this morning, the API answers 500", delay=2)
    expect(page.get_by_text("Because of").first).to_be_visible()
    tab_to(page, page.get_by_role("combobox", name="Project"))
    page.keyboard.type("Shop")
    page.wait_for_timeout(300)
    page.keyboard.press("Enter")
    settle(page)
    tab_to(page, page.get_by_role("button", name="Report bug"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("is reported.")).to_be_visible()


def test_a_developer_opens_and_closes_a_card_without_a_mouse(open_as: OpenAs) -> None:
    page = open_as("devi", "/board")
    card = card_in(page, "open", "Build runners fail")
    tab_to(page, card)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_text("docker images fill the disk")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_pm_goes_through_the_review_queue_without_a_mouse(open_as: OpenAs) -> None:
    page = open_as("paula", "/review")
    first = page.locator("h2.bf-sub").first.inner_text()
    page.keyboard.press("s")
    expect(page.locator("h2.bf-sub").first).not_to_have_text(first)
    second = page.locator("h2.bf-sub").first.inner_text()
    page.keyboard.press("a")
    expect(page.get_by_text("confirmed").first).to_be_visible()
    expect(page.locator("h2.bf-sub").first).not_to_have_text(second)


def test_a_person_chooses_a_language_and_keeps_it(open_as: OpenAs, installation: Installation) -> None:
    page = open_as("devi", "/settings")
    assert page.evaluate("document.documentElement.lang") == "en"
    page.get_by_role("combobox", name="Language").click()
    page.get_by_role("option", name="Deutsch").click()
    page.get_by_role("button", name="Save profile").click()
    expect(page.get_by_role("heading", level=1, name="Einstellungen")).to_be_visible()
    go(page, installation.ui_url, "/board")
    expect(page.get_by_role("heading", level=1, name="Board")).to_be_visible()
    expect(page.get_by_role("heading", level=2, name="In Arbeit")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "de"
    with connect(installation.api_url) as http:
        devi = Client(http)
        devi.sign_in("devi", PASSWORD)
        devi.update_me(MePatch(locale=None))


ANY_TEXT = (
    "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 2'> **bold** [a](javascript:window.pwned=3)\n"
    ":red[red] $x^2$ `code` \N{ARABIC LETTER ALEF}\N{ARABIC LETTER BEH} \N{RIGHT-TO-LEFT OVERRIDE}txt.exe "
    "\N{PILE OF POO}\N{ZERO WIDTH JOINER}\N{FAMILY} "
)


def test_any_text_shows_as_text_on_every_page_that_shows_it(open_as: OpenAs, installation: Installation) -> None:
    with connect(installation.api_url) as http:
        tester = Client(http)
        tester.sign_in("tess", PASSWORD)
        text = ANY_TEXT + "long " * ((100_000 - len(ANY_TEXT)) // 5)
        bug = tester.report_bug(BugCreate(title=ANY_TEXT.splitlines()[0], description=text, project="Shop"))
        tester.add_comment(bug.id, ANY_TEXT)
    page = open_as("paula")
    for path in (f"bug?id={bug.id}", "bugs?view=All", "board", "dashboard", "review", "notifications"):
        go(page, installation.ui_url, f"/{path}")
        assert page.evaluate("window.pwned") is None, path
        assert page.locator("main img[src='x'], main b b, main a[href^='javascript']").count() == 0, path
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280, path
    go(page, installation.ui_url, f"/bug?id={bug.id}")
    expect(page.get_by_text("<script>window.pwned = 1</script>").first).to_be_visible()


def test_a_change_in_another_tab_is_shown_beside_ones_own_and_nothing_is_lost(
    open_as: OpenAs, installation: Installation
) -> None:
    with connect(installation.api_url) as http:
        tester = Client(http)
        tester.sign_in("tess", PASSWORD)
        bug = tester.report_bug(BugCreate(description="Two people write about this", project="Shop"))
    mine = open_as("paula", f"/bug?id={bug.id}")
    mine.get_by_role("button", name="Edit", exact=True).click()
    mine.get_by_label("Text", exact=True).fill("My version of the text")
    other = mine.context.new_page()
    other.goto(mine.url)
    settle(other)
    other.get_by_role("button", name="Edit", exact=True).click()
    other.get_by_label("Text", exact=True).fill("What the other tab says")
    other.get_by_role("button", name="Save", exact=True).click()
    expect(other.get_by_text("What the other tab says")).to_be_visible()
    mine.get_by_role("button", name="Save", exact=True).click()
    expect(mine.get_by_text("Someone else changed this bug")).to_be_visible()
    expect(mine.get_by_text("My version of the text")).to_be_visible()
    expect(mine.get_by_text("What the other tab says")).to_be_visible()
    shoot(mine, "bug-conflict")
    mine.get_by_role("button", name="Save my version").click()
    expect(mine.locator(".bf-text", has_text="My version of the text")).to_be_visible()


PAGES = (
    "report",
    "bugs?view=All",
    "bug?id=1",
    "board",
    "dashboard",
    "review",
    "models",
    "analytics",
    "notifications",
    "settings",
    "admin",
    "admin?tab=teams",
    "admin?tab=channels",
    "admin?tab=audit",
)
LOOKS: tuple[tuple[Literal["light", "dark"], int], ...] = (("light", 1280), ("dark", 1280), ("light", 375))


def test_every_page_fits_and_is_accessible_in_both_themes_and_on_a_phone(
    open_as: OpenAs, installation: Installation
) -> None:
    page = open_as("paula")
    findings: list[str] = []
    for path in [*PAGES, "sign-in"]:
        name = path.partition("?")[0] + path.partition("?tab=")[2]
        if name == "sign-in":
            page.context.clear_cookies()
            page.goto(f"{installation.ui_url}/sign-in")
        else:
            go(page, installation.ui_url, f"/{path}")
        for scheme, width in LOOKS:
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_timeout(400)
            shoot(page, f"{name}-{scheme}-{width}")
            if width > 500:
                findings += serious(page, f"{name} {scheme}")
            elif page.evaluate("document.documentElement.scrollWidth") > width:
                findings.append(f"{name} is wider than the screen")
    assert not findings, "\n".join(findings)


def test_the_longest_words_fit_on_a_phone_too(open_as: OpenAs, installation: Installation) -> None:
    page = open_as("paula", width=375, locale="de-DE")
    assert page.evaluate("document.documentElement.lang") == "de"
    wide = []
    for path in PAGES:
        go(page, installation.ui_url, f"/{path}")
        name = path.partition("?")[0] + path.partition("?tab=")[2]
        shoot(page, f"{name}-de-375")
        if page.evaluate("document.documentElement.scrollWidth") > 375:
            wide.append(path)
    assert not wide
