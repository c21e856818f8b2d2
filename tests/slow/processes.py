"""BugFlow as real processes: started, watched, stopped and killed."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

START_SECONDS = 90
"""Until a process is given up; two busy cores take a while to load models."""

PASSWORD = "correct horse battery"

LIMITS = {"BUGFLOW_RATE_LIMIT": "1000000/minute", "BUGFLOW_TOKEN_RATE_LIMIT": "1000000/minute"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Running:
    """A process with its log."""

    process: "subprocess.Popen[bytes]"
    log: Path
    url: str = ""

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_for(self, condition: Callable[[], bool], *, what: str, seconds: float = START_SECONDS) -> None:
        until = time.monotonic() + seconds
        while not condition():
            if self.process.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"{what}: did not happen\n{self.text()[-4000:]}")
            time.sleep(0.02)

    def wait_until_ready(self) -> None:
        self.wait_for(lambda: answers(f"{self.url}/readyz"), what="ready")

    def end(self) -> int:
        """Ask it to end; how it ended."""
        self.process.terminate()
        return self.wait(30)

    def wait(self, seconds: float) -> int:
        """How it ended, or, if it does not in time, where each of its threads stands."""
        try:
            return self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            self.process.wait(timeout=30)
            raise AssertionError(f"still there after {seconds} s\n{self.text()[-8000:]}") from None


def answers(url: str) -> bool:
    try:
        return httpx2.get(url, timeout=5, trust_env=False).status_code == 200
    except httpx2.RequestError:
        return False


@dataclass
class Place:
    """A data folder and the processes that were started on it."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    started: list[Running] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        shows = {"PYTHONFAULTHANDLER": "1"}  # the stacks at a SIGABRT
        return {**os.environ, **LIMITS, **shows, "BUGFLOW_DATA_DIR": str(self.folder / "data"), **self.settings}

    def run(self, *arguments: str, typed: str = "", **given: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        command = [sys.executable, "-m", "bugflow", *arguments]
        environment = {**self.environment, **given}
        return subprocess.run(
            command, env=environment, input=typed, text=True, capture_output=True, timeout=120, check=False
        )

    def do(self, *arguments: str, typed: str = "") -> str:
        """Run a command that must succeed; what it printed."""
        done = self.run(*arguments, typed=typed)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, *arguments: str, **given: str) -> Running:
        log = self.folder / f"{len(self.started)}-{arguments[0]}.log"
        command = [sys.executable, "-u", "-m", "bugflow", *arguments]
        with log.open("wb") as out:
            environment = {**self.environment, **given}
            process = subprocess.Popen(command, env=environment, stdout=out, stderr=out, start_new_session=True)
        running = Running(process, log)
        self.started.append(running)
        return running

    def start_api(self, port: int | None = None, *, wait: bool = True) -> Running:
        port = port or free_port()
        running = self.start("api", "--port", str(port))
        running.url = f"http://127.0.0.1:{port}"
        if wait:
            running.wait_until_ready()
        return running

    def prepare(self) -> None:
        """A migrated database with a tester, ann, and an administrator, pia."""
        self.do("db", "upgrade")
        self.do("users", "create", "pia", "--role", "pm", "--password-stdin", typed=PASSWORD)
        self.do("users", "create", "ann", "--role", "tester", "--password-stdin", typed=PASSWORD)


@contextmanager
def place_in(folder: Path, **settings: str) -> Iterator[Place]:
    """A fresh place; whatever was started in it is dead at the end, with its children."""
    place = Place(folder, settings)
    try:
        yield place
    finally:
        for running in place.started:
            if running.process.poll() is None:
                running.process.terminate()
        for running in place.started:
            try:
                running.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                running.process.kill()
                running.process.wait()
            with suppress(ProcessLookupError):
                os.killpg(running.process.pid, signal.SIGKILL)  # each leads its own group: only what it left behind


@contextmanager
def sign_in(url: str, username: str = "ann", password: str = PASSWORD) -> Iterator[httpx2.Client]:
    """A client of someone who is signed in."""
    with httpx2.Client(base_url=url, timeout=60, trust_env=False) as client:
        answer = client.post("/token", json={"username": username, "password": password})
        assert answer.status_code == 200, answer.text
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        yield client


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def pages_of(pid: int) -> list[int]:
    """Its children that serve the pages; while it starts a library asks `file` about the interpreter, for a moment."""
    return [child for child in children_of(pid) if b"\0ui\0" in read_command(child)]


def read_command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def wait_until_gone(pid: int, *, seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while is_alive(pid):
        assert time.monotonic() < until, f"process {pid} is still there"
        time.sleep(0.05)
