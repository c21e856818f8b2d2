"""A whole installation as its processes: API and UI, started as the command line documents it."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
from tests.ui.fakes import PASSWORD

START_SECONDS = 90
"""Two busy cores need half of it to load models and Streamlit."""

PEOPLE = (("tess", "tester", ()), ("devi", "developer", ("--team", "Backend")), ("paula", "pm", ()))


def find_chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class Installation:
    api_url: str
    ui_url: str
    ui: "subprocess.Popen[bytes]"


def bugflow(arguments: Sequence[str], environment: dict[str, str], *, typed: str = "") -> None:
    command = [sys.executable, "-m", "bugflow", *arguments]
    done = subprocess.run(command, env=environment, input=typed.encode(), capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode()


def wait_until_ready(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx2.get(url, timeout=5, trust_env=False).status_code == 200:
                return
        except httpx2.RequestError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"{url} does not answer:\n{log.read_text()[-4000:]}")


@contextmanager
def running(folder: Path, *, with_worker: bool = False, **settings: str) -> Iterator[Installation]:
    """A fresh installation with a person of each role, all with the same password."""
    # Many people's worth of requests come from one address and three accounts here.
    limits = {"BUGFLOW_RATE_LIMIT": "5000/minute", "BUGFLOW_TOKEN_RATE_LIMIT": "500/minute"}
    environment = {**os.environ, **limits, **settings, "BUGFLOW_DATA_DIR": str(folder / "data")}
    bugflow(["db", "upgrade"], environment)
    for name, role, more in PEOPLE:
        bugflow(["users", "create", name, "--role", role, *more, "--password-stdin"], environment, typed=PASSWORD)
    api_port, ui_port = free_port(), free_port()
    api_url, ui_url = f"http://127.0.0.1:{api_port}", f"http://127.0.0.1:{ui_port}"
    commands = {
        "api": ["api", "--host", "127.0.0.1", "--port", str(api_port)],
        "ui": ["ui", "--port", str(ui_port), "--api-url", api_url],
    }
    if with_worker:
        commands["worker"] = ["worker"]
    processes: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, arguments in commands.items():
            with (folder / f"{name}.log").open("wb") as log:
                command = [sys.executable, "-m", "bugflow", *arguments]
                processes[name] = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        wait_until_ready(f"{api_url}/readyz", processes["api"], folder / "api.log")
        wait_until_ready(f"{ui_url}/_stcore/health", processes["ui"], folder / "ui.log")
        yield Installation(api_url, ui_url, processes["ui"])
    finally:
        for process in processes.values():
            process.terminate()
        for process in processes.values():
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
