"""`bugflow ui`: the web pages."""

import os
import sys
from typing import Annotated

import typer

from bugflow.config import load_settings


def ui(
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 8501,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    api_url: Annotated[str, typer.Option(help="Where the API is; else BUGFLOW_API_URL.")] = "",
    end_with_stdin: Annotated[
        bool, typer.Option("--end-with-stdin", help="End when the standard input does: for a program that starts it.")
    ] = False,
) -> None:
    """Serve the web pages, a client of the API."""
    settings = load_settings()
    url = api_url or settings.api_url
    arguments = ["-m", "bugflow.ui", "--host", host, "--port", str(port), "--api-url", url]
    arguments += ["--language", settings.language]
    if settings.locales_dir is not None:
        arguments += ["--locales-dir", str(settings.locales_dir)]
    if end_with_stdin:
        arguments.append("--end-with-stdin")
    # The ways in never import each other: the UI becomes this process, so signals reach it without a go-between.
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606 - no shell, our own module
