"""The command line, called as the shell calls it, in this process."""

import io
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.factories import SECRET, replace_sqlite

from bugflow import cli


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder, still empty."""
    folder = tmp_path / "data"
    monkeypatch.setenv("BUGFLOW_DATA_DIR", str(folder))
    monkeypatch.setenv("COLUMNS", "200")
    return folder


@pytest.fixture
def migrated(data: Path, sqlite_template: Path) -> Path:
    data.mkdir()
    replace_sqlite(sqlite_template, data / "bugflow.db")
    return data


@pytest.fixture
def run(data: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("BUGFLOW_SECRET_KEY", SECRET)

    def run_command(*arguments: str, typed: str = "") -> Done:
        out, err, code = io.StringIO(), io.StringIO(), 0
        with monkeypatch.context() as here, redirect_stdout(out), redirect_stderr(err):
            here.setattr(sys, "argv", ["bugflow", *arguments])
            here.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(typed.encode()), encoding="utf-8"))
            try:
                cli.main()
            except SystemExit as ended:
                code = int(ended.code or 0)
        return Done(code, out.getvalue(), err.getvalue())

    return run_command
