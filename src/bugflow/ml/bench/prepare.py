"""Track `prepare`: 5.3 million reports through `bugflow data prepare`, killed half-way, beside simple programs."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any

from bugflow.ml.bench.bench import Bench
from bugflow.ml.bench.rows import generate, make_rows, read_pieces, write_csv
from bugflow.ml.bench.tables import Table

N_ROWS = 5_300_000  # the document's
N_SAME = 300_000  # at most so many rows are prepared three times, to compare bytes
N_PEERS = 200_000  # at most so many are given to the peers
POLL_SECONDS = 0.2
ORPHAN_SECONDS = 10  # within which workers must notice that they are alone

_COLUMNS = {
    "name": "", "n": "rows", "wall_seconds": "wall s", "cpu_seconds": "CPU s", "per_second": "rows a second",
    "peak_mb": "peak MB, all processes",
}  # fmt: skip
_NOTES = (
    "Rows are titles and lines of the real reports, drawn at random and put together again; a tenth repeat or nearly "
    "repeat another. CSV, JSONL, Parquet and GitHub archive, two workers.",
    "Killed means SIGKILL when half of the units are done, then the same command again; both parts together.",
    "Plain Python cleans the same way and leaves out near repetition; pandas cleans with four patterns, as the "
    "requirements document does. One thread each.",
)

_PANDAS = """
import sys, pandas as pd
from sklearn.model_selection import train_test_split
frame = pd.read_csv(sys.argv[1], dtype=str).fillna("")
text = frame["title"] + "\\n" + frame["description"]
for pattern in (r"<[^>]+>", r"https?://\\S+|www\\.\\S+", r"[^A-Za-z0-9.,!?:;()'/ -]", r"\\s+"):
    text = text.str.replace(pattern, " ", regex=True)
frame["text"] = text = text.str.strip()
frame = frame[text.str.len() >= 20]
lowered = frame["text"].str.lower()
frame["severity"] = "medium"
for label, words in (("low", "typo|improvement|suggestion"), ("high", "bug|error|failure"),
                     ("critical", "crash|security|data loss|broken")):
    frame.loc[lowered.str.contains(words), "severity"] = label
frame["team"] = "Backend"
for label, words in (("DevOps", "docker|kubernetes|deployment|ci/cd"), ("Mobile", "android|ios|touch|notification"),
                     ("Frontend", "ui|button|css|react|display")):
    frame.loc[lowered.str.contains(words), "team"] = label
frame = frame.drop_duplicates("text")
train, rest = train_test_split(frame, test_size=0.3, stratify=frame["severity"], random_state=0)
validation, test = train_test_split(rest, test_size=0.5, stratify=rest["severity"], random_state=0)
for name, part in (("train", train), ("validation", validation), ("test", test)):
    part.to_parquet(f"{sys.argv[2]}/{name}.parquet")
"""
_PYTHON = """
import csv, sys
from bugflow.domain.predictions import BugText
from bugflow.ml.text import clean
from bugflow.ml.weak_labels import label_by_keywords
seen, files = set(), [csv.writer(open(f"{sys.argv[2]}/{name}.csv", "w")) for name in ("train", "validation", "test")]
for number, row in enumerate(csv.DictReader(open(sys.argv[1], newline=""))):
    report = BugText(row["title"], row["description"])
    cleaned = clean(report)
    text = f"{cleaned.title}\\n{cleaned.description}"
    if not cleaned.long_enough or text.lower() in seen:
        continue
    seen.add(text.lower())
    severity, team = label_by_keywords(BugText(cleaned.title, cleaned.description))
    part = 0 if number % 20 < 14 else 1 if number % 20 < 17 else 2
    files[part].writerow([row["description"], row["project"], severity, team, row["title"], text])
"""


@dataclass(frozen=True, slots=True)
class Run:
    """What one run took.

    Attributes:
        wall_seconds: Of the clock.
        cpu_seconds: Of all its processes.
        peak_mb: Resident, of all its processes together.
        killed_at: How many of how many units were done when it was killed; empty where it was not.
    """

    wall_seconds: float
    cpu_seconds: float
    peak_mb: int
    killed_at: str = ""

    def then(self, other: "Run") -> "Run":
        """Both, one after the other."""
        return Run(
            self.wall_seconds + other.wall_seconds,
            self.cpu_seconds + other.cpu_seconds,
            max(self.peak_mb, other.peak_mb),
            self.killed_at,
        )


def measure_prepare(bench: Bench) -> list[Table]:
    """Time, memory, the same bytes however often it is killed, and peers.

    Raises:
        RuntimeError: Runs over the same rows gave different files.
    """
    n = bench.limit or N_ROWS
    n_same, n_peers = min(n, N_SAME), min(n, N_PEERS)
    pieces = read_pieces(bench.trackers)
    with TemporaryDirectory(prefix="bugflow-bench-") as temporary:
        folder = Path(temporary)
        bench.tell(f"preparing {n_same:,} rows three times")
        same = generate(folder / "small", n_same, pieces)
        runs = {
            "bugflow, not interrupted": (n_same, _prepare(same, folder / "whole")),
            "bugflow, killed and resumed": (n_same, _kill_and_resume(same, folder / "killed")),
            "bugflow, one worker": (n_same, _prepare(same, folder / "single", workers=1)),
        }
        n_files = _demand_same_bytes([folder / name for name in ("whole", "killed", "single")])
        peer = folder / "peers.csv"
        write_csv(peer, make_rows(n_peers, pieces))
        for name, program in (("plain Python", _PYTHON), ("pandas", _PANDAS)):
            bench.tell(f"{name} on {n_peers:,} rows")
            out = folder / name
            out.mkdir()
            runs[name] = (n_peers, _watch([sys.executable, "-c", program, str(peer), str(out)]))
        for workers in (1, 2):
            own = _prepare([peer], folder / f"own-{workers}", workers=workers)
            runs[f"bugflow, the peers' rows, {workers} worker{'s' * (workers - 1)}"] = (n_peers, own)
        bench.tell(f"making {n:,} rows")
        files = generate(folder / "large", n, pieces)
        bench.tell(f"preparing {n:,} rows")
        whole = _kill_and_resume(files, folder / "out")
        counts = json.loads((folder / "out" / "report.json").read_text(encoding="utf-8"))["counts"]
        gigabytes = sum(file.stat().st_size for file in files) / 1e9
    runs = {f"**bugflow, killed at {whole.killed_at or 'no'} units and resumed**": (n, whole)} | runs
    notes = (
        *_NOTES,
        f"The three runs over {n_same:,} rows wrote the same bytes in {n_files} files. The {n:,} rows are "
        f"{gigabytes:.1f} GB: " + ", ".join(f"{name} {count:,}" for name, count in counts.items()) + ".",
    )
    rows = [_row(name, size, run) for name, (size, run) in runs.items()]
    return [Table("prepare: from raw archives to training files", "none; rows made up", _COLUMNS, rows, notes)]


def _row(name: str, n: int, run: Run) -> dict[str, Any]:
    return {
        "name": name,
        "n": n,
        "wall_seconds": round(run.wall_seconds, 1),
        "cpu_seconds": round(run.cpu_seconds, 1),
        "per_second": round(n / run.wall_seconds),
        "peak_mb": run.peak_mb,
    }


def _demand_same_bytes(folders: Sequence[Path]) -> int:
    """The number of files in each."""
    found = [
        {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}
        for folder in folders
    ]
    if any(files != found[0] for files in found):
        raise RuntimeError(f"The same rows gave different files: {found}")
    return len(found[0])


def _kill_and_resume(files: Sequence[Path], out: Path) -> Run:
    first = _prepare(files, out, kill_half_way=True)
    return first if out.exists() else first.then(_prepare(files, out))


def _prepare(files: Sequence[Path], out: Path, *, workers: int = 2, kill_half_way: bool = False) -> Run:
    command = ["data", "prepare", *map(str, files), str(out), "--workers", str(workers)]
    return _watch([sys.executable, "-m", "bugflow", *command], kill_at=out if kill_half_way else None)


def _watch(command: Sequence[str], *, kill_at: Path | None = None) -> Run:
    """Run it to its end, or until half of the units of this output are done.

    Raises:
        RuntimeError: It failed.
    """
    started, peak, cpu, killed_at = time.perf_counter(), 0, dict[int, float](), ""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with TemporaryFile() as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, env=environment)  # noqa: S603 - our own programs
        while process.poll() is None:
            family = _family(process.pid)
            peak = max(peak, sum(size for size, _ in family.values()))
            cpu |= {pid: seconds for pid, (_, seconds) in family.items()}
            if kill_at is not None and (units := _units(kill_at)) and 2 * units[0] >= units[1]:
                process.kill()
                process.wait()
                killed_at = f"{units[0]} of {units[1]}"
                _await_end(set(family) - {process.pid})
            time.sleep(POLL_SECONDS)
        said.seek(0)
        if process.returncode not in {0, -signal.SIGKILL}:
            raise RuntimeError(f"{command} failed: {said.read().decode()}")
    return Run(time.perf_counter() - started, sum(cpu.values()), peak // 2**20, killed_at)


def _units(out: Path) -> tuple[int, int] | None:
    """How many units of a run are done, and how many there are; None before it has a plan."""
    work = out.with_name(f".{out.name}.work")
    if not (work / "plan.json").is_file():
        return None
    return len(list(work.glob("unit-*.json"))), len(json.loads((work / "plan.json").read_text(encoding="utf-8")))


def _await_end(pids: set[int]) -> None:
    """Wait for orphans, which must notice by themselves.

    Raises:
        RuntimeError: They do not.
    """
    deadline = time.monotonic() + ORPHAN_SECONDS
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        if time.monotonic() > deadline:
            raise RuntimeError(f"Workers outlive their parent: {pids}")
        time.sleep(POLL_SECONDS)


def _family(root: int) -> dict[int, tuple[int, float]]:
    """Resident bytes and seconds of CPU of a process and its descendants, where the system has /proc."""
    parents, found = dict[int, int](), dict[int, tuple[int, float]]()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()
        except OSError:
            continue
        pid, ticks, pages = int(path.parent.name), int(fields[11]) + int(fields[12]), int(fields[21])
        parents[pid] = int(fields[1])
        found[pid] = (pages * os.sysconf("SC_PAGE_SIZE"), ticks / os.sysconf("SC_CLK_TCK"))
    family = {root}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    return {pid: found[pid] for pid in family if pid in found}
