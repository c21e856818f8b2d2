"""What the tests of the UI share."""

import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from streamlit.testing.v1 import AppTest
from tests.ui.browsing import ARGUMENTS, OpenAs, settle
from tests.ui.fakes import PASSWORD, FakeApi
from tests.ui.installation import Installation, find_chromium

import bugflow.ui
from bugflow.client import Client, connect
from bugflow.ui.session import SESSIONS

APP = Path(bugflow.ui.__file__).with_name("app.py")


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def client_of(api: FakeApi) -> Iterator[Callable[[str], Client]]:
    http = connect("http://api.test", transport=api.transport)

    def make(username: str) -> Client:
        client = Client(http)
        client.sign_in(username, PASSWORD)
        return client

    yield make
    http.close()


@pytest.fixture
def page_of(client_of: Callable[[str], Client]) -> Iterator[Callable[..., AppTest]]:
    """Open a page as somebody, as the browser would: the whole app, signed in, at an address."""

    def open_page(username: str, page: str, **query: str) -> AppTest:
        session = SESSIONS.open(client_of(username))
        app = AppTest.from_file(str(APP), default_timeout=30)
        app.session_state["bugflow_session"] = session.id
        app.switch_page(f"screens/{page}.py")
        for name, value in query.items():
            app.query_params[name] = value
        app.run()
        assert not app.exception, app.exception
        return app

    yield open_page
    gc.collect()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_as(chromium: Browser, installation: Installation) -> Iterator[OpenAs]:
    """Sign in as somebody, in a browser of their own, and go to a page; `installation` is the module's own fixture."""
    contexts: list[BrowserContext] = []

    def sign_in(
        username: str,
        path: str = "/",
        *,
        scheme: Literal["light", "dark"] = "light",
        width: int = 1280,
        has_touch: bool = False,
        locale: str = "en-GB",
    ) -> Page:
        context = chromium.new_context(
            viewport={"width": width, "height": 900 if width > 500 else 812},
            color_scheme=scheme,
            has_touch=has_touch,
            locale=locale,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.goto(f"{installation.ui_url}{path}")
        page.locator("#username").fill(username)
        page.locator("#password").fill(PASSWORD)
        page.keyboard.press("Enter")
        settle(page)
        return page

    yield sign_in
    for context in contexts:
        context.close()
