"""How quick `bugflow data prepare` is on 5.3 million reports, what it takes, and whether a kill -9 changes a byte.

Run `python benchmarks/prepare.py [--rows N] [--small N] [--json FILE]` on a quiet machine with 20 GB of free disk. Rows
are made by recombining lines of the real reports (BUGFLOW_BENCH_DATA) in a temporary folder, removed at the end.

1. `--small` rows (0: none): one run without a break, one killed half-way with SIGKILL and resumed, one with a
   single worker; the files must be the same bytes.
2. `--rows` rows: killed half-way and resumed; wall time of both parts together, memory of all processes together.
3. Peers on `--peer-rows` rows (0: none), one thread each: a plain Python loop with the same cleaning, and pandas
   with the cleaning that the requirements describe (patterns for tags, addresses and special characters; no fences,
   frames or near duplicates).
"""

import argparse
import csv
import gzip
import hashlib
import itertools
import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

REPEATED = 0.05  # of the rows are an earlier row, and as many are one with a word changed
Row = tuple[str, str, str, str, str]
COLUMNS = ("id", "title", "description", "project", "created")

PANDAS = """
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
PYTHON = """
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
    severity, team = label_by_keywords(report)
    part = 0 if number % 20 < 14 else 1 if number % 20 < 17 else 2
    files[part].writerow([row["description"], row["project"], severity, team, row["title"], text])
"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rows", type=int, default=5_300_000)
    arguments.add_argument("--small", type=int, default=300_000)
    arguments.add_argument("--peer-rows", type=int, default=200_000)
    arguments.add_argument("--workers", type=int, default=2)
    arguments.add_argument("--json", type=Path, help="Where the figures go, for machines.")
    arguments.add_argument("--temporary", type=Path, help="Where the rows are made; default the system's.")
    options = arguments.parse_args()
    data = Path(os.environ.get("BUGFLOW_BENCH_DATA", "../shared/data")) / "bugs"
    if not data.is_dir():
        sys.exit(f"Skipped: there is no {data}. Set BUGFLOW_BENCH_DATA.")
    figures: dict[str, Any] = {
        "commit": _output("git", "rev-parse", "--short", "HEAD"),
        "machine": f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}",
        "load_before": round(os.getloadavg()[0], 2),
        "rows": options.rows,
        "peer_rows": options.peer_rows,
    }
    with tempfile.TemporaryDirectory(dir=options.temporary) as temporary:
        folder = Path(temporary)
        pieces = _pieces(data)
        if options.small:
            small = _generate(folder / "small", options.small, pieces)
            figures["small"] = _same_bytes(small, folder, options.workers) | {"rows": options.small}
        if options.peer_rows:
            figures["peers"] = _peers(folder, options.peer_rows, pieces)
        files = _generate(folder / "large", options.rows, pieces)
        figures["input_gb"] = round(sum(file.stat().st_size for file in files) / 1e9, 2)
        figures["large"] = _killed_and_resumed(files, folder / "out", options.workers)
        report = json.loads((folder / "out/report.json").read_text())
        figures["counts"] = report["counts"]
        figures["data_sha256"] = hashlib.sha256(
            "".join(each["sha256"] for each in report["inputs"]).encode()
        ).hexdigest()
        figures["output_gb"] = round(sum(path.stat().st_size for path in (folder / "out").iterdir()) / 1e9, 2)
    figures["load_after"] = round(os.getloadavg()[0], 2)
    _show(figures)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


# -- Rows ---


def _pieces(data: Path) -> tuple[list[str], list[str], list[int]]:
    """Titles, lines of descriptions, and how many lines the real descriptions have."""
    frames = [pl.read_parquet(path, columns=["title", "description"]) for path in sorted(data.glob("*.parquet"))]
    texts = pl.concat(frames).fill_null("")
    lines = texts["description"].str.split("\n")
    return texts["title"].to_list(), lines.explode().drop_nulls().to_list(), lines.list.len().to_list()


def _rows(n: int, pieces: tuple[list[str], list[str], list[int]]) -> Iterator[Row]:
    titles, lines, lengths = pieces
    draw = random.Random(20_260_101)
    recent: list[tuple[str, str]] = [("The first report has a title", "and says what happened after the click")]
    for number in range(n):
        chance = draw.random()
        if chance < 2 * REPEATED:
            title, text = recent[int(draw.random() * len(recent))]
            if chance < REPEATED:
                text += f" {draw.choice(titles)[:12]}"
        else:
            title = titles[int(draw.random() * len(titles))]
            n_lines = lengths[int(draw.random() * len(lengths))]
            text = "\n".join([lines[int(draw.random() * len(lines))] for _ in range(n_lines)])
            if chance > 0.99:
                recent = [*recent[-999:], (title, text)]
        created = f"{2011 + number * 14 // n}-{number % 12 + 1:02}-{number % 28 + 1:02}T{number % 24:02}:00:00Z"
        yield str(number), title, text, f"project-{number % 997}", created


def _generate(folder: Path, n: int, pieces: tuple[list[str], list[str], list[int]]) -> list[Path]:
    folder.mkdir()
    rows = _rows(n, pieces)
    files = []
    for name, write, share in FORMATS:
        write(folder / name, itertools.islice(rows, round(n * share)))
        files.append(folder / name)
    return files


def _write_csv(path: Path, rows: Iterator[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(rows)


def _write_jsonl(path: Path, rows: Iterator[Row]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(dict(zip(COLUMNS, row, strict=True)), ensure_ascii=False) + "\n" for row in rows)


def _write_parquet(path: Path, rows: Iterator[Row]) -> None:
    schema = pa.schema([(name, pa.string()) for name in COLUMNS])
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        while some := list(itertools.islice(rows, 20_000)):
            columns = [pa.array(column, pa.string()) for column in zip(*some, strict=True)]
            writer.write_table(pa.table(columns, schema=schema))


def _write_archive(path: Path, rows: Iterator[Row]) -> None:
    """As GitHub's archive: one event a line, and for each opened issue another event that is none."""
    with gzip.open(path, "wt", compresslevel=1, encoding="utf-8") as file:
        for key, title, text, project, created in rows:
            about = {"actor": {"id": 1}, "repo": {"id": 1, "name": project}}
            issue = {"number": int(key), "title": title, "body": text, "state": "open"}
            opened = {"id": key, "type": "IssuesEvent", **about, "payload": {"action": "opened", "issue": issue}}
            pushed = {"id": key, "type": "PushEvent", **about, "payload": {"size": 1}}
            for event in (opened, pushed):
                file.write(json.dumps(event | {"created_at": created}, separators=(",", ":")) + "\n")


FORMATS = (
    ("reports.csv", _write_csv, 0.4),
    ("reports.jsonl", _write_jsonl, 0.3),
    ("reports.parquet", _write_parquet, 0.2),
    *((f"archive-{hour}.json.gz", _write_archive, 0.02) for hour in range(5)),
)
"""File, its format and its share of the rows."""

# -- Runs ---


def _same_bytes(files: list[Path], folder: Path, workers: int) -> dict[str, Any]:
    whole = _run(files, folder / "whole", workers)
    killed = _killed_and_resumed(files, folder / "killed", workers)
    single = _run(files, folder / "single", 1)
    hashes = [
        {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted((folder / name).iterdir())}
        for name in ("whole", "killed", "single")
    ]
    if hashes.count(hashes[0]) != 3:
        sys.exit(f"The three runs differ: {hashes}")
    return {"identical_files": len(hashes[0]), "whole": whole, "killed": killed, "single": single}


def _killed_and_resumed(files: list[Path], out: Path, workers: int) -> dict[str, Any]:
    first = _run(files, out, workers, kill_half_way=True)
    if out.exists():
        sys.exit("It was finished before it could be killed: take more rows.")
    second = _run(files, out, workers)
    return {
        "wall_seconds": round(first["wall_seconds"] + second["wall_seconds"], 1),
        "cpu_seconds": round(first["cpu_seconds"] + second["cpu_seconds"], 1),
        "peak_mb": max(first["peak_mb"], second["peak_mb"]),
        "units_at_kill": first["units"],
        "wall_until_kill_seconds": first["wall_seconds"],
    }


def _run(files: list[Path], out: Path, workers: int, *, kill_half_way: bool = False) -> dict[str, Any]:
    command = ["data", "prepare", *map(str, files), str(out), "--workers", str(workers)]
    return _watched([sys.executable, "-m", "bugflow", *command], out if kill_half_way else None)


def _watched(command: list[str], kill_at: Path | None = None) -> dict[str, Any]:
    """Run it to its end, or until half of its units are done; time and memory of it and its children."""
    started, peak, cpu, units = time.perf_counter(), 0, {}, ""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdout=said, stderr=said)
        while process.poll() is None:
            family = _family(process.pid)
            peak = max(peak, sum(each["rss"] for each in family.values()))
            cpu |= {pid: each["cpu"] for pid, each in family.items()}
            if kill_at is not None and (plan := _progress(kill_at)) and plan[0] * 2 >= plan[1]:
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
                units = f"{plan[0]} of {plan[1]}"
                _await_end(set(family) - {process.pid})
            time.sleep(0.2)
        said.seek(0)
        if process.returncode not in {0, -signal.SIGKILL}:
            sys.exit(f"{command} failed: {said.read().decode()}")
    wall = round(time.perf_counter() - started, 1)
    return {"wall_seconds": wall, "cpu_seconds": round(sum(cpu.values()), 1), "peak_mb": peak // 2**20, "units": units}


def _progress(out: Path) -> tuple[int, int] | None:
    work = out.with_name(f".{out.name}.work")
    if not (work / "plan.json").is_file():
        return None
    return len(list(work.glob("unit-*.json"))), len(json.loads((work / "plan.json").read_text()))


def _await_end(pids: set[int]) -> None:
    """Workers must notice by themselves that they are orphans."""
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        if time.monotonic() > deadline:
            sys.exit(f"Workers outlive their parent: {pids}")
        time.sleep(0.1)


def _family(root: int) -> dict[int, dict[str, float]]:
    """A process and its descendants: resident bytes and seconds of CPU."""
    found: dict[int, dict[str, Any]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        ticks, pages = int(fields[11]) + int(fields[12]), int(fields[21])
        seconds, size = ticks / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE")
        found[int(path.parent.name)] = {"parent": int(fields[1]), "cpu": seconds, "rss": size}
    family = {root}
    while more := {pid for pid, each in found.items() if each["parent"] in family} - family:
        family |= more
    return {pid: found[pid] for pid in family if pid in found}


def _peers(folder: Path, n: int, pieces: tuple[list[str], list[str], list[int]]) -> dict[str, Any]:
    path = folder / "peers.csv"
    _write_csv(path, _rows(n, pieces))
    figures = {}
    for name, program in (("plain Python, same cleaning", PYTHON), ("pandas, simpler cleaning", PANDAS)):
        out = folder / name.split(",")[0].replace(" ", "-")
        out.mkdir()
        one_thread = ["env", "OMP_NUM_THREADS=1", sys.executable, "-c", program, str(path), str(out)]
        figures[name] = _watched(one_thread)
    figures["bugflow, 1 worker"] = _run([path], folder / "own-1", 1)
    figures["bugflow, 2 workers"] = _run([path], folder / "own-2", 2)
    return figures


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _show(figures: dict[str, Any]) -> None:
    print(f"commit {figures['commit']}, data {figures['data_sha256'][:16]}, {figures['machine']}")
    print(f"load {figures['load_before']} before, {figures['load_after']} after; ", end="")
    print(f"{figures['input_gb']} GB in, {figures['output_gb']} GB out\n")
    print("| what | rows | wall s | CPU s | rows/s | peak MB |\n| --- | --- | --- | --- | --- | --- |")
    large = figures["large"]
    runs = [(f"bugflow, killed at {large['units_at_kill']} units, resumed", figures["rows"], large)]
    if small := figures.get("small"):
        runs += [
            ("bugflow, uninterrupted", small["rows"], small["whole"]),
            (f"bugflow, killed at {small['killed']['units_at_kill']} units, resumed", small["rows"], small["killed"]),
            ("bugflow, 1 worker", small["rows"], small["single"]),
        ]
    runs += [(name, figures["peer_rows"], run) for name, run in figures.get("peers", {}).items()]
    for name, n, run in runs:
        speed = f"{n / run['wall_seconds']:,.0f}"
        print(f"| {name} | {n:,} | {run['wall_seconds']} | {run['cpu_seconds']} | {speed} | {run['peak_mb']} |")
    if small:
        print(f"\nThe three runs over {small['rows']:,} rows wrote the same {small['identical_files']} files.")
    print("Counts: " + ", ".join(f"{name} {n:,}" for name, n in figures["counts"].items()))


if __name__ == "__main__":
    main()
