"""Starts the UI: `python -m bugflow.ui --host H --port N --api-url URL`."""

import argparse

from bugflow.ui.server import serve


def main() -> None:
    parser = argparse.ArgumentParser(prog="bugflow ui", description="Serve the web pages of BugFlow.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8501)
    parser.add_argument("--api-url", default="http://127.0.0.1:8000")
    arguments = parser.parse_args()
    serve(host=arguments.host, port=arguments.port, api_url=arguments.api_url)


if __name__ == "__main__":
    main()
