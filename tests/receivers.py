"""Receivers that really listen on this machine: a mail server and a web hook."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from tests.slow.processes import free_port


@dataclass
class MailServer:
    """What was mailed; `answer` is what a message is answered with."""

    port: int = 0
    answer: str = "250 OK"
    mails: list[EmailMessage] = field(default_factory=list)
    receivers: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"mailto://127.0.0.1:{self.port}?from=bugs@example.com&name=BugFlow"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if self.answer.startswith("2"):
            content = cast("bytes", envelope.content)
            self.mails.append(BytesParser(policy=default).parsebytes(content))
            self.receivers += envelope.rcpt_tos
        return self.answer


@contextmanager
def mail_server() -> Iterator[MailServer]:
    server = MailServer(port=free_port())
    controller = Controller(server, hostname="127.0.0.1", port=server.port)
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


@dataclass
class WebHook:
    """What was posted; `status` is what is answered, `location` where it sends one on to."""

    port: int = 0
    status: int = 200
    location: str = ""
    pause_seconds: float = 0
    posted: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    came: threading.Condition = field(default_factory=threading.Condition)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.port}/hook"

    @property
    def keys(self) -> list[str]:
        return [body["id"] for body in self.posted]

    def wait_for(self, n: int, *, seconds: float = 60) -> None:
        with self.came:
            assert self.came.wait_for(lambda: len(self.posted) >= n, timeout=seconds), f"{len(self.posted)} of {n} came"


@contextmanager
def web_hook(port: int = 0, **facts: Any) -> Iterator[WebHook]:
    hook = WebHook(**facts)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with hook.came:
                hook.paths.append(self.path)
                hook.posted.append(body)
                hook.headers.append(dict(self.headers))
                hook.came.notify_all()
            if hook.pause_seconds:
                hook.ended.wait(hook.pause_seconds)
            self.send_response(hook.status)
            if hook.location:
                self.send_header("Location", hook.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:  # the sender was killed
                self.close_connection = True

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        server.daemon_threads = True
        hook.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield hook
        finally:
            hook.ended.set()
            server.shutdown()
            thread.join()
