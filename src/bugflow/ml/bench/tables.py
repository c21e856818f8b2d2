"""Tables of measured figures, for people as Markdown and for machines as JSON, with what they were made of."""

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bugflow.ml.bench.trackers import hash_trackers

Row = Mapping[str, Any]

_LIBRARIES = ("numpy", "scikit-learn", "onnxruntime", "xgboost-cpu", "torch", "transformers")


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a track.

    Attributes:
        title: What is measured.
        split: On which rows, in words.
        columns: Heading by key of a row, in order.
        rows: One a contestant; a figure that does not exist is None.
        notes: What a reader must know to judge the figures.
    """

    title: str
    split: str
    columns: Mapping[str, str]
    rows: Sequence[Row]
    notes: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        """For machines: rows by key, nothing rounded away."""
        return {
            "title": self.title,
            "split": self.split,
            "columns": dict(self.columns),
            "rows": [dict(row) for row in self.rows],
            "notes": list(self.notes),
        }

    def as_markdown(self) -> str:
        """For people: figures to three decimals, a dash where there is none."""
        lines = [f"### {self.title}", "", f"Split: {self.split}", ""]
        lines += [_line(self.columns.values()), _line("---" for _ in self.columns)]
        lines += [_line(_cell(row.get(key)) for key in self.columns) for row in self.rows]
        return "\n".join([*lines, "", *(f"* {note}" for note in self.notes), ""])


def describe_run(trackers: Sequence[Path], *, limit: int | None) -> dict[str, Any]:
    """What the figures of a run depend on: commit, machine, libraries, data."""
    return {
        "commit": find_commit(),
        "bugflow": version("bugflow"),
        "machine": {
            "cores": os.cpu_count(),
            "processor": _processor(),
            "system": platform.system(),
            "python": platform.python_version(),
            "load_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        },
        "libraries": {name: found for name in _LIBRARIES if (found := _version(name))},
        "data_sha256": hash_trackers(trackers) if trackers else None,
        "trackers": [path.name for path in trackers],
        "limit": limit,
    }


def introduce(made: Mapping[str, Any]) -> str:
    """The lines above the tables of a run."""
    machine = made["machine"]
    data = f"`{made['data_sha256'][:16]}` ({len(made['trackers'])} trackers)" if made["data_sha256"] else "none"
    if made["limit"]:
        data += f", only {made['limit']:,} reports of them: a trial, no figures to quote"
    return (
        f"Commit {made['commit'] or 'unknown'}; data {data}; {machine['cores']} cores ({machine['processor']}), "
        f"{machine['system']}, Python {machine['python']}, load before {machine['load_before']}.\n"
    )


def find_commit() -> str | None:
    """The commit that this code is at, with a `+` where files were changed since; None outside a repository."""
    git = shutil.which("git")
    root = Path(__file__).parents[4]
    if git is None or not (root / ".git").exists():
        return None
    commit, changed = (
        subprocess.run(  # noqa: S603 - a program of the machine with fixed arguments
            [git, "-C", str(root), *command], capture_output=True, text=True, check=False
        ).stdout.strip()
        for command in (("rev-parse", "--short", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
    )
    return commit + ("+" if changed else "") or None


def _processor() -> str:
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text(encoding="utf-8").splitlines() if facts.is_file() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _line(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"
