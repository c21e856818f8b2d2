"""How quick the house is with 26,149 real bugs: import, batch prediction, start-up, each request at one user.

Run `python benchmarks/house.py [--json FILE]` on a quiet machine; needs the bug reports of BUGFLOW_BENCH_DATA. Servers
are real processes, timings are taken by a client on the same machine and include HTTP.
"""

import argparse
import hashlib
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import httpx2

PASSWORD = "for this benchmark only"
TEXT = (
    "Login button crashes the app when I press it twice on an Android 14 phone. It worked in the last version. "
    "Steps to reproduce: open the app, press the button, press it again before the page has changed. Expected: one "
    "sign-in. Actual: the app closes and the log shows a null pointer exception."
)
"""About 64 tokens."""

FILTERS = (
    "", "status=open", "severity=critical", "team=Mobile", "project=Alloy", "assigned_to=nobody&status=open",
    "needs_review=true", "created_after=2015-01-01T00:00:00Z", "sort=-severity", "sort=updated_at&severity=low",
    "q=android+crash", "q=the", "q=titanium&status=resolved&team=Frontend&severity=high", "q=zzzz",
    "team=DevOps&severity=critical&status=in_progress",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Trial:
    """A fresh installation, the reports of some trackers, a folder that goes away, and the figures to find."""

    environment: dict[str, str]
    files: list[Path]
    folder: Path
    figures: dict[str, Any]


@contextmanager
def trial(*trackers: str) -> Iterator[Trial]:
    """Set up what a benchmark needs, with `pm` to sign in as; in the end show the figures, and keep them for `--json`.

    Without the trackers' files the program ends.
    """
    arguments = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    arguments.add_argument("--json", type=Path, help="Where the figures go, for machines.")
    options = arguments.parse_args()
    data = Path(os.environ.get("BUGFLOW_BENCH_DATA", "../shared/data")) / "bugs"
    files = [data / f"{tracker}.parquet" for tracker in trackers]
    if not all(file.is_file() for file in files):
        sys.exit(f"Skipped: {data} lacks one of {', '.join(trackers)}. Set BUGFLOW_BENCH_DATA.")
    figures = describe(hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16])
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "BUGFLOW_DATA_DIR": f"{folder}/data",
            "BUGFLOW_RATE_LIMIT": "1000000/minute",
            "BUGFLOW_TOKEN_RATE_LIMIT": "1000000/minute",
            "BUGFLOW_LOG_LEVEL": "WARNING",
            "OMP_NUM_THREADS": "1",
        }
        run_bugflow(environment, "db", "upgrade")
        run_bugflow(environment, "users", "create", "pm", "--role", "pm", "--admin", "--password-stdin", stdin=PASSWORD)
        yield Trial(environment, files, Path(folder), figures)
    print(json.dumps(figures, indent=1))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


def main() -> None:
    with trial("titanium") as house:
        (data,), environment, figures = house.files, house.environment, house.figures
        seconds, said = timed(lambda: run_bugflow(environment, "import", str(data)))
        figures["import_seconds"], figures["import_said"] = seconds, said.splitlines()[-1]
        seconds, said = timed(lambda: run_bugflow(environment, "import", str(data)))
        figures["import_again_said"] = said.splitlines()[-1]
        one_core = ["taskset", "-c", "0"]
        out = f"{house.folder}/out.jsonl"
        seconds, _ = timed(lambda: run_bugflow(environment, "predict", str(data), "--out", out, prefix=one_core))
        figures["predict_reports_per_second"] = round(26_149 / seconds)
        with api_of(environment) as (client, start_seconds, process):
            figures["api_start_seconds"] = start_seconds
            figures["requests"] = list(_requests(client))
            status = Path(f"/proc/{process.pid}/status").read_text()
            figures["api_memory_mb"] = round(int(status.split("VmRSS:")[1].split()[0]) / 1024)


def describe(data_sha256: str) -> dict[str, Any]:
    return {
        "commit": _output("git", "rev-parse", "--short", "HEAD"),
        "data_sha256": data_sha256,
        "machine": f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}",
        "load_before": round(os.getloadavg()[0], 2),
    }


def _requests(client: httpx2.Client) -> Iterator[dict[str, Any]]:
    report = {"description": TEXT, "project": "Alloy"}
    for query in FILTERS:
        yield latency(f"GET /api/v1/bugs?{query}", lambda query=query: client.get(f"/api/v1/bugs?{query}"))
    yield latency("POST /predict", lambda: client.post("/predict", json=report))
    yield latency("POST /report_bug", lambda: client.post("/report_bug", json=report))
    for path in ("bugs/100", "bugs/100/explanation", "stats/overview", "stats/teams", "stats/acceptance", "me"):
        yield latency(f"GET /api/v1/{path}", lambda path=path: client.get(f"/api/v1/{path}"))


def latency(name: str, ask: Callable[[], httpx2.Response], *, n: int = 100) -> dict[str, Any]:
    milliseconds = []
    for position in range(n + 5):
        seconds, answer = timed(ask)
        answer.raise_for_status()
        if position >= 5:  # the first ones fill caches
            milliseconds.append(seconds * 1000)
    return {
        "request": name,
        "p50_ms": round(median(milliseconds), 1),
        "p95_ms": round(quantiles(milliseconds, n=20)[-1], 1),
    }


def timed(act: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    answer = act()
    return round(time.perf_counter() - started, 4), answer


def run_bugflow(environment: dict[str, str], *arguments: str, stdin: str = "", prefix: list[str] | None = None) -> str:
    command = [*(prefix or []), sys.executable, "-m", "bugflow", *arguments]
    done = subprocess.run(command, env=environment, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(arguments)} failed: {done.stderr}")
    return done.stdout


@contextmanager
def api_of(environment: dict[str, str]) -> Iterator[tuple[httpx2.Client, float, subprocess.Popen[bytes]]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "bugflow", "api", "--port", str(port)], env=environment)
    client = httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=30)
    try:
        while not _is_ready(client):
            time.sleep(0.02)
        start_seconds = round(time.perf_counter() - started, 2)
        tokens = client.post("/token", json={"username": "pm", "password": PASSWORD}).raise_for_status().json()
        client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        yield client, start_seconds, process
    finally:
        process.terminate()
        process.wait(timeout=15)


def _is_ready(client: httpx2.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx2.TransportError:
        return False


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


if __name__ == "__main__":
    main()
