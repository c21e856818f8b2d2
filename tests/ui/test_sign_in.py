"""The sign-in page and the gate: what the browser gets to hold, and what it never does."""

from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from tests.ui.fakes import PASSWORD, FakeApi

from bugflow.client import connect
from bugflow.ui.session import COOKIE, SESSIONS
from bugflow.ui.sign_in import Gate, SignIn

PAGE = {"Accept": "text/html"}


def _page(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("the app")


@pytest.fixture
def browser(api: FakeApi) -> Iterator[TestClient]:
    http = connect("http://api.test", transport=api.transport)
    routes = [*SignIn(http).routes, Route("/{path:path}", _page)]
    app = Starlette(routes=routes, middleware=[Middleware(Gate)])
    with TestClient(app, base_url="http://ui.test", follow_redirects=False) as client:
        yield client
    http.close()


def sign_in(browser: TestClient, **fields: str) -> None:
    answer = browser.post("/sign-in", data={"username": "pm", "password": PASSWORD, "next": "/", **fields})
    assert answer.status_code == 303, answer.text


def test_a_page_sends_strangers_to_sign_in_and_back_to_where_they_wanted(browser: TestClient) -> None:
    answer = browser.get("/bug?id=3", headers=PAGE)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=%2Fbug%3Fid%3D3"
    assert 'value="/bug?id=3"' in browser.get(answer.headers["location"]).text
    answer = browser.post("/sign-in", data={"username": "pm", "password": PASSWORD, "next": "/bug?id=3"})
    assert answer.headers["location"] == "/bug?id=3"
    assert browser.get("/bug?id=3", headers=PAGE).text == "the app"


def test_the_browser_holds_a_random_number_that_its_scripts_cannot_read(browser: TestClient, api: FakeApi) -> None:
    answer = browser.post("/sign-in", data={"username": "pm", "password": PASSWORD})
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    for token in [*api.tokens, *api.refresh]:
        assert token not in str(answer.headers)
        assert token not in answer.text
        assert token not in answer.headers["location"]
    assert len(browser.cookies[COOKIE]) >= 43


def test_the_cookie_is_secure_behind_https(api: FakeApi) -> None:
    with connect("http://api.test", transport=api.transport) as http:
        app = Starlette(routes=SignIn(http).routes)
        with TestClient(app, base_url="https://ui.test", follow_redirects=False) as client:
            answer = client.post("/sign-in", data={"username": "pm", "password": PASSWORD})
    assert "Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/sign-in", "/a\nb"],
)
def test_after_signing_in_nobody_is_sent_elsewhere(browser: TestClient, elsewhere: str) -> None:
    answer = browser.post("/sign-in", data={"username": "pm", "password": PASSWORD, "next": elsewhere})
    assert answer.headers["location"] == "/"


def test_wrong_credentials_are_said_and_the_name_is_kept_escaped(browser: TestClient) -> None:
    answer = browser.post("/sign-in", data={"username": '"><script>x', "password": "wrong"})
    assert answer.status_code == 401
    assert "The user name or the password is wrong." in answer.text
    assert 'role="alert"' in answer.text
    assert "<script>" not in answer.text
    assert "wrong" not in answer.text.replace("password is wrong", "")
    assert COOKIE not in browser.cookies


def test_an_empty_form_an_overlong_password_and_an_absent_api_are_said(browser: TestClient, api: FakeApi) -> None:
    assert "Enter your user name" in browser.post("/sign-in", data={"username": " ", "password": ""}).text
    assert browser.post("/sign-in", data={"username": "pm", "password": "x" * 2000}).status_code == 401
    api.is_down = True
    answer = browser.post("/sign-in", data={"username": "pm", "password": PASSWORD})
    assert answer.status_code == 503
    assert "does not answer" in answer.text


def test_a_form_of_another_site_cannot_sign_anyone_in(browser: TestClient) -> None:
    form = {"username": "pm", "password": PASSWORD}
    answer = browser.post("/sign-in", data=form, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert browser.post("/sign-in", data=form, headers={"Origin": "http://ui.test"}).status_code == 303


def test_signing_in_anew_ends_the_session_before(browser: TestClient, api: FakeApi) -> None:
    sign_in(browser)
    first = browser.cookies[COOKIE]
    sign_in(browser, username="dev")
    assert SESSIONS.find(first) is None
    assert set(api.tokens.values()) == {2}


def test_files_and_uploads_need_a_session_but_health_does_not(browser: TestClient) -> None:
    assert browser.get("/media/abc.txt").status_code == 401
    assert browser.put("/_stcore/upload_file/x/y").status_code == 401
    assert browser.get("/_stcore/health", headers=PAGE).status_code == 200
    sign_in(browser)
    assert browser.get("/media/abc.txt").status_code == 200


def test_answers_carry_security_headers(browser: TestClient) -> None:
    answer = browser.get("/sign-in")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_a_closed_session_is_a_stranger_and_its_cookie_is_taken_away(browser: TestClient) -> None:
    sign_in(browser)
    SESSIONS.close(browser.cookies[COOKIE])
    assert browser.get("/board", headers=PAGE).status_code == 303
    browser.get("/sign-in")
    assert COOKIE not in browser.cookies
