"""What the tests of the UI share."""

import gc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from tests.ui.fakes import PASSWORD, FakeApi

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
