"""`bugflow up | api | worker`: the processes of an installation."""

import contextlib
import gc
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from importlib import import_module
from types import FrameType
from typing import Annotated, TypeAlias

import typer
import uvicorn

from bugflow.cli.logs import configure_logs
from bugflow.cli.users import create_first_administrator
from bugflow.config import Settings, load_settings
from bugflow.db import migrations
from bugflow.errors import BugFlowError, PagesEnded, PortTaken
from bugflow.runtime import Runtime, build_runtime, following_models, open_database

SHUTDOWN_SECONDS = 5
"""What requests under way get after SIGTERM; ending the jobs takes 2 s more, and all of it promises to take 10 s."""

UI_SHUTDOWN_SECONDS = 2  # within the same 10 s; the pages keep nothing that could be lost

SAME_STOP_SECONDS = 1
"""A Ctrl-C, or a service manager's SIGTERM, reaches pages and API at the same moment; by then the API has seen it."""

Pages: TypeAlias = subprocess.Popen[bytes]

Host = Annotated[str, typer.Option(help="Address to listen on.")]


def _port(help_text: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(help=help_text, min=1, max=65535)
    return option


def api(
    host: Host = "127.0.0.1",
    port: Annotated[int, _port("Port to listen on.")] = 8000,
) -> None:
    """Serve the HTTP API; on SQLite jobs run in the same process."""
    settings = load_settings()
    configure_logs(settings)
    _demand_free(host, port, option="--port")
    runtime = build_runtime(settings)
    with following_models(runtime), _jobs(runtime, wanted=settings.is_sqlite and settings.jobs_in_api):
        _serve(runtime, host=host, port=port)


def worker() -> None:
    """Run jobs until stopped; on PostgreSQL any number of workers share them."""
    settings = load_settings()
    configure_logs(settings)
    runtime = build_runtime(settings)
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    with _jobs(runtime, wanted=True):
        typer.echo("Jobs are running. Stop with Ctrl-C.", err=True)
        stopped.wait()


def up(
    api_port: Annotated[int, _port("Port of the API.")] = 8000,
    ui_port: Annotated[int, _port("Port of the web pages.")] = 8501,
    host: Host = "127.0.0.1",
) -> None:
    """Bring the database up to date, then serve API, jobs and web pages until stopped; if one ends, all end."""
    settings = load_settings()
    configure_logs(settings)
    run_all(settings, host=host, api_port=api_port, ui_port=ui_port)


def run_all(settings: Settings, *, host: str, api_port: int, ui_port: int) -> None:
    """Migrate, make sure that someone can sign in, serve everything.

    Raises:
        PortTaken: Another program listens on one of the ports.
        PagesEnded: The pages' process ended though nobody asked it to.
    """
    _demand_free(host, api_port, option="--api-port")
    _demand_free(host, ui_port, option="--ui-port")
    settings.signing_key()  # first: it names the folder that cannot be written
    migrations.upgrade(open_database(settings).engine)
    runtime = build_runtime(settings)
    create_first_administrator(runtime)
    api_url = f"http://{'127.0.0.1' if host in {'0.0.0.0', '::'} else host}:{api_port}"  # noqa: S104 - compared only
    _exit_on_sigterm()
    with (
        following_models(runtime),
        _jobs(runtime, wanted=settings.jobs_in_api),
        _ui(host=host, port=ui_port, api_url=api_url) as pages,
    ):
        typer.secho(f"\n  BugFlow is at http://{host}:{ui_port}", fg=typer.colors.GREEN, bold=True)
        typer.echo(f"  Its API is at {api_url} (see /docs). Data: {settings.data_dir}\n  Stop with Ctrl-C.\n")
        _serve(runtime, host=host, port=api_port, pages=pages)


def _demand_free(host: str, port: int, *, option: str) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server will: a port just left is free
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortTaken(host=host, port=port, option=option) from error


def _serve(runtime: Runtime, *, host: str, port: int, pages: Pages | None = None) -> None:
    """Serve the API until stopped, or until the pages beside it end."""
    # The ways in never import each other, so the one that starts the others finds them by name.
    app = import_module("bugflow.api.app").create_app(runtime)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            access_log=False,  # ours has the request id
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        )
    )
    _exit_on_sigterm()
    gc.freeze()  # what is loaded by now stays: looking through it again made filling the index a tenth longer
    warm_up(runtime)
    deserted = threading.Event()
    if pages is not None:
        threading.Thread(target=_stop_without, args=(pages, server, deserted), daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
    if pages is not None and deserted.is_set():
        raise PagesEnded(how=_how_ended(pages.wait()))


def _stop_without(pages: Pages, server: uvicorn.Server, deserted: threading.Event) -> None:
    """Stop the server once the pages end, unless it is ending already."""
    pages.wait()
    time.sleep(SAME_STOP_SECONDS)
    if not server.should_exit:
        deserted.set()
        server.should_exit = True


def _how_ended(status: int) -> str:
    return f"exit status {status}" if status >= 0 else f"killed by {signal.Signals(-status).name}"


def warm_up(runtime: Runtime) -> threading.Thread:
    """Fill the index of duplicates beside the start: the first who asks does not wait for 100,000 bugs to be read."""

    def read() -> None:
        with contextlib.suppress(BugFlowError):  # who asks is told
            runtime.duplicates.refresh()

    thread = threading.Thread(target=read, name="bugflow-warm-up", daemon=True)
    thread.start()
    return thread


def _exit_on_sigterm() -> None:
    """Unwind, so that jobs and pages end too: while they start, and when uvicorn raises the signal again at its end."""
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))


@contextlib.contextmanager
def _jobs(runtime: Runtime, *, wanted: bool) -> Iterator[None]:
    if not wanted:
        yield
        return
    with import_module("bugflow.worker.executor").running_jobs(runtime):
        yield


@contextlib.contextmanager
def _ui(*, host: str, port: int, api_url: str) -> Iterator[Pages]:
    command = [sys.executable, "-m", "bugflow", "ui", "--host", host, "--port", str(port), "--api-url", api_url]
    command.append("--end-with-stdin")  # the system closes the pipe when this process is gone, by kill -9 too
    process = None
    try:
        with _sigterm_waiting():  # else one that comes while the process is made leaves it without an owner
            process = subprocess.Popen(command, stdin=subprocess.PIPE)  # noqa: S603 - our own module
        yield process
    finally:
        if process is not None:
            process.terminate()
            try:
                process.wait(timeout=UI_SHUTDOWN_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdin is not None:
                process.stdin.close()


@contextlib.contextmanager
def _sigterm_waiting() -> Iterator[None]:
    """Hold a SIGTERM back until the end of the block."""
    came = threading.Event()

    def note(_number: int, _frame: FrameType | None) -> None:
        came.set()

    before = signal.signal(signal.SIGTERM, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
    if came.is_set():
        signal.raise_signal(signal.SIGTERM)
