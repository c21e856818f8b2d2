"""The UI's own process: Streamlit's ASGI app behind the sign-in gate."""

import os
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


def serve(*, host: str, port: int, api_url: str) -> None:
    """Serve until SIGTERM or SIGINT. Theme and fixed settings lie in `.streamlit/config.toml` beside this file."""
    os.environ["BUGFLOW_API_URL"] = api_url
    build_app(api_url).run(config={"server.address": host, "server.port": port})
