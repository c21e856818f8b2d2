"""The sign-in page and the gate in front of Streamlit: plain HTTP, because only HTTP can set an HttpOnly cookie."""

import contextlib
from contextlib import AbstractContextManager
from html import escape
from http import HTTPStatus
from pathlib import Path
from string import Template
from urllib.parse import quote, urlsplit

import httpx2
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bugflow.client import ApiProblem, Client
from bugflow.errors import ApiUnreachable, BugFlowError
from bugflow.ui import language, trouble
from bugflow.ui.language import gettext as _
from bugflow.ui.session import COOKIE, SESSIONS

SIGN_IN = "/sign-in"
COOKIE_SECONDS = 14 * 24 * 3600
"""As long as a refresh token lives by default; the session behind it may end sooner."""

_PAGE = Template(Path(__file__).with_name("sign_in.html").read_text(encoding="utf-8"))
_CSP = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
_OPEN_PATHS = ("/_stcore/", "/static/", "/favicon")
_GUARDED_PATHS = ("/media/", "/_stcore/upload_file/")
_HEADERS = {"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin"}


def sign_in_url(next_path: str = "/") -> str:
    return SIGN_IN if next_path == "/" else f"{SIGN_IN}?next={quote(next_path, safe='')}"


def _safe_next(path: str) -> str:
    """Where to go after signing in: a path of this site, never another host."""
    parts = urlsplit(path)
    is_local = path.startswith("/") and not path.startswith(("//", "/\\", SIGN_IN)) and not parts.netloc
    return path if is_local and path.isprintable() else "/"


def _page(*, message: str = "", username: str = "", next_path: str = "/", status: int = HTTPStatus.OK) -> Response:
    alert = f'<p class="alert" role="alert" id="problem">{escape(message)}</p>' if message else ""
    words = {
        "lang": language.current(),
        "sign_in": _("Sign in"),
        "lead": _("Report bugs, see who fixes them, teach the triage."),
        "user_name": _("User name"),
        "password": _("Password"),
        "hint": _("No account, or password forgotten? An administrator can create one or set a new password."),
    }
    html = _PAGE.substitute(
        {name: escape(text) for name, text in words.items()},
        alert=alert,
        username=escape(username, quote=True),
        next=escape(next_path, quote=True),
        described='aria-describedby="problem"' if message else "",
        username_focus="" if username else "autofocus",
        password_focus="autofocus" if username else "",
    )
    return HTMLResponse(html, status, headers={"Content-Security-Policy": _CSP, "Cache-Control": "no-store"})


def _reader(request: Request) -> AbstractContextManager[None]:
    """The language of somebody who is not known yet: what their browser asks for."""
    return language.reading(language.negotiate(*language.accepted(request.headers.get("Accept-Language", ""))))


def _is_same_site(request: Request) -> bool:
    """Whether the form was sent from our own page: a foreign one could sign people in as somebody else."""
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("Host")


class SignIn:
    """The routes that open a session."""

    def __init__(self, http: httpx2.Client) -> None:
        self._http = http
        self.routes = [
            Route(SIGN_IN, self.show, methods=["GET"]),
            Route(SIGN_IN, self.sign_in, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        next_path = _safe_next(request.query_params.get("next", "/"))
        if SESSIONS.find(request.cookies.get(COOKIE)) is not None:
            return RedirectResponse(next_path, HTTPStatus.SEE_OTHER)
        with _reader(request):
            response = _page(next_path=next_path)
        if COOKIE in request.cookies:
            response.delete_cookie(COOKIE)
        return response

    async def sign_in(self, request: Request) -> Response:
        with _reader(request):
            return await self._open(request)

    async def _open(self, request: Request) -> Response:
        form = await request.form(max_files=0, max_fields=10)
        username, password, next_path = (str(form.get(name, "")) for name in ("username", "password", "next"))
        next_path = _safe_next(next_path)
        if not _is_same_site(request):
            return _page(
                message=_("The form came from another site. Please sign in here."), status=HTTPStatus.FORBIDDEN
            )
        if not username.strip() or not password:
            message = _("Enter your user name and your password.")
            return _page(message=message, username=username, next_path=next_path, status=HTTPStatus.BAD_REQUEST)
        client = Client(self._http)
        try:
            address = request.client.host if request.client else None
            await run_in_threadpool(client.sign_in, username.strip(), password, forwarded_for=address)
        except (BugFlowError, ValueError) as error:
            message, status = _in_words(error)
            return _page(message=message, username=username, next_path=next_path, status=status)
        await run_in_threadpool(_end, request.cookies.get(COOKIE))
        session = SESSIONS.open(client)
        response = RedirectResponse(next_path, HTTPStatus.SEE_OTHER)
        response.set_cookie(
            COOKIE,
            session.id,
            max_age=COOKIE_SECONDS,
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
        return response


def _end(session_id: str | None) -> None:
    """Whoever signs in anew leaves the old session for good, so that no tab goes on in the former name."""
    session = SESSIONS.find(session_id)
    if session is not None:
        SESSIONS.close(session_id)
        with contextlib.suppress(BugFlowError):
            session.client.sign_out()


def _in_words(error: Exception) -> tuple[str, int]:
    if isinstance(error, ApiProblem):
        return trouble.message_of(error), error.problem.status
    if isinstance(error, ApiUnreachable):
        return _("BugFlow's API does not answer. Try again in a moment, or ask whoever runs it."), 503
    return _("The user name or the password is wrong."), 401  # longer than the API takes


class Gate:
    """ASGI middleware: pages need a session, answers carry security headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(HTTPConnection(scope))
        await (refusal or self._app)(scope, receive, send_hardened)

    def _refusal(self, connection: HTTPConnection) -> Response | None:
        path = connection.url.path
        if path == SIGN_IN or SESSIONS.find(connection.cookies.get(COOKIE)) is not None:
            return None
        if path.startswith(_GUARDED_PATHS):
            return PlainTextResponse("Sign in first.", HTTPStatus.UNAUTHORIZED)
        wants_page = "text/html" in connection.headers.get("Accept", "")
        if wants_page and not path.startswith(_OPEN_PATHS):
            query = f"?{connection.url.query}" if connection.url.query else ""
            return RedirectResponse(sign_in_url(f"{path}{query}"), HTTPStatus.SEE_OTHER)
        return None
