"""The UI's own process: Streamlit's ASGI app behind the sign-in gate."""

import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from bugflow.client import connect
from bugflow.ui.sign_in import Gate, SignIn

SHUTDOWN_SECONDS = 5
"""What is in flight may finish; a browser that keeps its connection open does not hold the process back."""


def build_app(api_url: str) -> st.App:
    script = Path(__file__).with_name("app.py")
    return st.App(script, routes=SignIn(connect(api_url)).routes, middleware=[Middleware(Gate)])


def end_with_stdin() -> None:
    """Watch the standard input: at its end, whoever started this process is gone, and it ends too."""

    def watch() -> None:
        with suppress(OSError):
            while os.read(0, 1024):  # not sys.stdin, whose lock would still be held when Python ends
                pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(SHUTDOWN_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def serve(*, host: str, port: int, api_url: str) -> None:
    """Serve until SIGTERM or SIGINT. Theme and fixed settings lie in `.streamlit/config.toml` beside this file."""
    os.environ["BUGFLOW_API_URL"] = api_url
    build_app(api_url).run(config={"server.address": host, "server.port": port})
