"""What happens around every request: its id, limits on size and rate, security headers, log line, counters."""

import math
import re
import time
import uuid
from dataclasses import dataclass
from importlib.util import find_spec

import structlog
from limits import RateLimitItem, parse
from limits.storage import MovingWindowSupport, Storage, storage_from_string
from limits.strategies import MovingWindowRateLimiter
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bugflow.api.errors import problem_response, response_to
from bugflow.api.metrics import Metrics
from bugflow.errors import BugFlowError, InvalidSettings, TooLarge, TooManyRequests
from bugflow.runtime import Runtime
from bugflow.services.sign_ins import find_user_id

log = structlog.get_logger()

API_PREFIX = "/api/v1"

_REQUEST_ID = re.compile(r"[\w.-]{1,64}")
_UNLIMITED = ("/livez", "/readyz", "/metrics", "/docs", "/redoc", "/openapi.json", "/static-offline-docs")
_ATTACHMENTS = re.compile(r"/api/v1/bugs/\d+/attachments")
_MULTIPART_OVERHEAD_BYTES = 8_192

_SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_API_POLICY = "default-src 'none'; frame-ancestors 'none'"
_DOCS_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; worker-src blob:; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class Count:
    """What a counted request may know: whether it passes, how many more may follow, when the window is empty again."""

    passed: bool
    remaining: int
    reset_seconds: int


@dataclass(frozen=True, slots=True)
class Limits:
    """The two request limits and where they are counted: in memory, or in Redis (under a millisecond away)."""

    requests: RateLimitItem
    sign_ins: RateLimitItem
    window: MovingWindowRateLimiter

    def count(self, item: RateLimitItem, who: str) -> Count | None:
        """Count one request; None where the counters' store fails: better uncounted than down."""
        try:
            passed = self.window.hit(item, who)
            stats = self.window.get_window_stats(item, who)
        except Exception as error:  # noqa: BLE001 - whatever the store raises
            log.error("rate limit not counted", error=repr(error))  # noqa: TRY400 - the store's trace says nothing
            return None
        return Count(passed, stats.remaining, max(1, math.ceil(stats.reset_time - time.time())))


def make_limits(requests: str, sign_ins: str, url: str) -> Limits:
    """Read the limits from the settings.

    Raises:
        InvalidSettings: A limit or the address of the counters cannot be understood, or its package is missing.
    """
    if url.startswith("redis") and find_spec("redis") is None:
        reason = (
            "BUGFLOW_RATE_LIMIT_URL names Redis, and the package for it is missing. "
            "Install the extra `redis`: pip install -c constraints.txt 'bugflow[redis]'"
        )
        raise InvalidSettings(reason=reason)
    try:
        storage = storage_from_string(url)
        assert isinstance(storage, Storage) and isinstance(storage, MovingWindowSupport)  # noqa: S101, PT018
        return Limits(parse(requests), parse(sign_ins), MovingWindowRateLimiter(storage))
    except Exception as error:  # noqa: BLE001 - the library raises its own and the storage client's errors
        told = str(error).replace(url, "BUGFLOW_RATE_LIMIT_URL")  # which may hold a password
        reason = f"rate limits {requests!r}, {sign_ins!r} in BUGFLOW_RATE_LIMIT_URL: {told}"
        raise InvalidSettings(reason=reason) from None  # a trace would show the address too


def _route_of(scope: Scope) -> str:
    """The path of the route that answered, with its blanks; FastAPI names it without its routers' prefix."""
    path: str | None = getattr(scope.get("route"), "path", None)
    return "(none)" if path is None else f"{API_PREFIX if scope['path'].startswith(API_PREFIX) else ''}{path}"


class Edge:
    """ASGI middleware around the whole app."""

    def __init__(self, app: ASGIApp, *, runtime: Runtime, metrics: Metrics, limits: Limits) -> None:
        self.app, self.runtime, self.metrics, self.limits = app, runtime, metrics, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given_id = headers.get("x-request-id", "")
        request_id = given_id if _REQUEST_ID.fullmatch(given_id) else uuid.uuid4().hex
        extra = {"X-Request-ID": request_id, **_SECURITY_HEADERS}
        is_docs = scope["path"].startswith(("/docs", "/redoc", "/static-offline-docs"))
        extra["Content-Security-Policy"] = _DOCS_POLICY if is_docs else _API_POLICY
        status = 500
        started = time.perf_counter()
        response_started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal status, response_started
            if message["type"] == "http.response.start":
                response_started = True
                status = message["status"]
                answer_headers = MutableHeaders(scope=message)
                for name, value in extra.items():
                    answer_headers[name] = value
            await send(message)

        structlog.contextvars.bind_contextvars(request_id=request_id)
        self.metrics.in_flight.inc()
        try:
            self._limit_rate(scope, headers, extra)
            receive = self._bounded(scope, headers, receive)
            await self.app(scope, receive, send_with_headers)
        except BugFlowError as error:
            if response_started:
                raise
            await response_to(scope["path"], error)(scope, receive, send_with_headers)
        except Exception:
            log.exception("failed", method=scope["method"], path=scope["path"])
            if response_started:
                raise
            answer = problem_response(
                path=scope["path"],
                status=500,
                code="InternalError",
                detail=f"Something went wrong on our side. The log knows more under request id {request_id}.",
            )
            await answer(scope, receive, send_with_headers)
        finally:
            seconds = time.perf_counter() - started
            self.metrics.in_flight.dec()
            route = _route_of(scope)
            self.metrics.requests.labels(scope["method"], route, status).inc()
            self.metrics.latency.labels(scope["method"], route).observe(seconds)
            if route not in _UNLIMITED:
                log.info("request", method=scope["method"], route=route, status=status, ms=round(seconds * 1000, 1))
            structlog.contextvars.clear_contextvars()

    def _limit_rate(self, scope: Scope, headers: Headers, extra: dict[str, str]) -> None:
        if scope["path"].startswith(_UNLIMITED) or scope["method"] == "OPTIONS":
            return
        item = self.limits.requests
        count = self.limits.count(item, self._who(scope, headers))
        if count is None:
            return
        extra["RateLimit-Limit"] = str(item.amount)
        extra["RateLimit-Remaining"] = str(count.remaining)
        extra["RateLimit-Reset"] = str(count.reset_seconds)
        if not count.passed:
            raise TooManyRequests(limit=str(item), retry_after_seconds=count.reset_seconds)

    def _who(self, scope: Scope, headers: Headers) -> str:
        """Whose request it is: the user whom a token of ours names, else the address."""
        token = headers.get("authorization", "").removeprefix("Bearer ")
        user_id = find_user_id(self.runtime.tokens, token, now=self.runtime.clock()) if token else None
        return f"user:{user_id}" if user_id is not None else f"address:{(scope.get('client') or ('?',))[0]}"

    def _bounded(self, scope: Scope, headers: Headers, receive: Receive) -> Receive:
        """`receive`, refusing a body that is, or turns out to be, too large."""
        settings = self.runtime.settings
        is_file = _ATTACHMENTS.fullmatch(scope["path"]) is not None
        limit = settings.attachment_limit_bytes + _MULTIPART_OVERHEAD_BYTES if is_file else settings.body_limit_bytes
        shown_limit = settings.attachment_limit_bytes if is_file else limit
        declared = headers.get("content-length", "")
        if declared.isascii() and declared.isdigit() and int(declared[:18]) > limit:
            raise TooLarge(size_bytes=int(declared[:18]), limit_bytes=shown_limit)
        size = 0

        async def bounded() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > limit:  # inside the framework, which makes a 400 of any error but its own
                raise HTTPException(413) from TooLarge(size_bytes=size, limit_bytes=shown_limit)
            return message

        return bounded
