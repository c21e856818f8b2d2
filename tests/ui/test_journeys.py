"""People's journeys through a real installation in a real browser; each run leaves screenshots to look at."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright
from tests.ui.fakes import PASSWORD
from tests.ui.installation import Installation, find_chromium, running

from bugflow.client import Client, connect
from bugflow.schemas.bugs import BugCreate, BugPatch

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_chromium() is None and os.environ.get("CI") != "true", reason="needs Chromium"),
]

SCREENSHOTS = Path("screenshots")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
REPORTS = [
    ("Cart is emptied when a guest signs in", "The cart shows 0 items after signing in. Happens every time.", "Shop"),
    ("Checkout crashes with a null pointer", "NullPointerException in PaymentService, the API answers 500.", "Shop"),
    ("Label overlaps the button on small screens", "On the settings page the label covers the button.", "Shop"),
    ("Push notifications arrive twice on Android", "Each reminder comes two times since version 4.2.", "App"),
    ("Build runners fail: no space left on device", "The pipeline stops, docker images fill the disk.", "Platform"),
    ("Typo on the pricing page", "It says 'montly' in the second column.", "Shop"),
]
KNOWN_BY_AXE: dict[str, str] = {}
"""Serious findings that Streamlit itself causes, by rule, with the reason."""

Shoot = Callable[[Page, str], None]
OpenAs = Callable[..., Page]


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


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_as(chromium: Browser, installation: Installation) -> Iterator[OpenAs]:
    contexts: list[BrowserContext] = []

    def sign_in(
        username: str,
        path: str = "/",
        *,
        scheme: Literal["light", "dark"] = "light",
        width: int = 1280,
        has_touch: bool = False,
    ) -> Page:
        viewport = {"width": width, "height": 900 if width > 500 else 812}
        context = chromium.new_context(viewport=viewport, color_scheme=scheme, has_touch=has_touch)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.goto(f"{installation.ui_url}{path}")
        page.get_by_label("User name").fill(username)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        settle(page)
        return page

    yield sign_in
    for context in contexts:
        context.close()


def settle(page: Page) -> None:
    """Until the script has run and nothing waits to be drawn."""
    page.locator("h1").first.wait_for()
    page.wait_for_function("!document.querySelector('[data-testid=stStatusWidget], [data-stale=true]')")
    page.wait_for_timeout(350)


def go(page: Page, installation: Installation, path: str) -> None:
    page.goto(f"{installation.ui_url}{path}")
    settle(page)


def shoot(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(exist_ok=True)
    size = page.viewport_size
    assert size is not None
    height = page.evaluate("document.querySelector('[data-testid=stMain]')?.scrollHeight ?? document.body.scrollHeight")
    page.set_viewport_size({"width": size["width"], "height": max(size["height"], min(3000, int(height) + 8))})
    page.wait_for_timeout(300)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")
    page.set_viewport_size(size)


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
    go(other, installation, "/report")
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
    go(page, installation, "/review")
    expect(page.get_by_text("New corrections: 1 of 50. Then the next model is trained.")).to_be_visible()


PAGES = (
    "report",
    "bugs?view=All",
    "bug?id=1",
    "board",
    "dashboard",
    "review",
    "analytics",
    "notifications",
    "settings",
    "admin",
)
LOOKS: tuple[tuple[Literal["light", "dark"], int], ...] = (("light", 1280), ("dark", 1280), ("light", 375))


def test_every_page_fits_and_is_accessible_in_both_themes_and_on_a_phone(
    open_as: OpenAs, installation: Installation
) -> None:
    page = open_as("paula")
    findings: list[str] = []
    for path in [*PAGES, "sign-in"]:
        name = path.partition("?")[0]
        if name == "sign-in":
            page.context.clear_cookies()
            page.goto(f"{installation.ui_url}/sign-in")
        else:
            go(page, installation, f"/{path}")
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


def serious(page: Page, name: str) -> list[str]:
    """Serious and critical findings of axe that are not known to be Streamlit's own."""
    violations = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{name}: {one['id']} {node['target']} {node['html'][:200]} {node.get('failureSummary', '')[:300]}"
        for one in violations
        if one["impact"] in {"serious", "critical"} and one["id"] not in KNOWN_BY_AXE
        for node in one["nodes"]
    ]
