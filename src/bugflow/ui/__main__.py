"""Starts the UI: `python -m bugflow.ui --host H --port N --api-url URL`."""

import argparse
import signal
import sys
from importlib import import_module
from pathlib import Path

from bugflow.errors import InvalidSettings


def main() -> None:
    parser = argparse.ArgumentParser(prog="bugflow ui", description="Serve the web pages of BugFlow.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8501)
    parser.add_argument("--api-url", default="http://127.0.0.1:8000")
    parser.add_argument("--language", default="en")
    parser.add_argument("--locales-dir", type=Path)
    parser.add_argument("--end-with-stdin", action="store_true")
    arguments = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it, while it starts too, without a traceback
    server = import_module("bugflow.ui.server")
    if arguments.end_with_stdin:
        server.end_with_stdin()
    try:
        import_module("bugflow.ui.language").install(default=arguments.language, folder=arguments.locales_dir)
    except InvalidSettings as error:
        sys.exit(str(error))
    server.serve(host=arguments.host, port=arguments.port, api_url=arguments.api_url)


if __name__ == "__main__":
    main()
