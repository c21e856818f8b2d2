"""Every command helps, loads only what it needs, and ends in one line and the exit code of its family."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from tests.cli.conftest import Run
from typer.main import get_command

from bugflow import cli, errors
from bugflow.cli.errors import EXIT_CODES, exit_code_of
from bugflow.db.migrations import head_revision


def _paths(command: object, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    children = getattr(command, "commands", {})
    return [path, *(found for name, child in children.items() for found in _paths(child, (*path, name)))]


ALL = _paths(get_command(cli.build_app()))


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_has_a_help_text(run: Run, path: tuple[str, ...]) -> None:
    done = run(*path, "--help")
    assert done.code == 0
    usage, said = done.out.split("\n\n", 2)[:2] if done.out.startswith("Usage") else done.out.strip().split("\n\n")[:2]
    assert " ".join(["bugflow", *path]) in usage
    assert len(said.strip()) > 10


def test_every_option_and_argument_is_described() -> None:
    def undescribed(command: object, path: str) -> list[str]:
        own = [
            f"{path} {parameter.name}"
            for parameter in getattr(command, "params", [])
            if parameter.name != "help" and not getattr(parameter, "help", None)
        ]
        children = getattr(command, "commands", {}).items()
        return own + [found for name, child in children for found in undescribed(child, f"{path} {name}")]

    assert undescribed(get_command(cli.build_app()), "bugflow") == []


@pytest.mark.parametrize(
    ("arguments", "heavy"),
    [
        (["users", "list"], ["polars", "streamlit", "dbos", "fastapi", "uvicorn"]),
        (["db", "status"], ["polars", "streamlit", "dbos", "fastapi", "uvicorn"]),
        (["settings"], ["polars", "sklearn", "scipy", "numpy", "streamlit", "dbos", "sqlalchemy", "fastapi"]),
    ],
    ids=lambda value: " ".join(value[:2]),
)
def test_a_command_loads_only_what_it_needs(migrated: Path, arguments: list[str], heavy: list[str]) -> None:
    script = (
        "import sys, json, bugflow.cli\n"
        f"sys.argv = ['bugflow', *{arguments!r}]\n"
        "try:\n    bugflow.cli.main()\nexcept SystemExit as ended:\n    assert not ended.code\n"
        f"print(json.dumps(sorted(set({heavy!r}) & set(sys.modules))))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=dict(os.environ), timeout=60, check=True
    )
    assert json.loads(done.stdout.splitlines()[-1]) == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.WeakPassword(n_min=8), 2),
        (errors.Forbidden(role="tester", action="fly", circumstance=""), 3),
        (errors.NotFound(what="bug", key=1), 4),
        (errors.AlreadyExists(what="user", key="ann"), 5),
        (errors.DatabaseUnavailable(), 6),
        (errors.BugFlowError(), 1),
    ],
    ids=lambda value: getattr(value, "code", None),
)
def test_each_family_has_its_exit_code(error: errors.BugFlowError, code: int) -> None:
    assert exit_code_of(error) == code


def test_every_error_has_an_exit_code() -> None:
    def below(kind: type[errors.BugFlowError]) -> list[type[errors.BugFlowError]]:
        return [kind, *(found for child in kind.__subclasses__() for found in below(child))]

    for kind in below(errors.BugFlowError):
        assert any(base in EXIT_CODES for base in kind.__mro__)


def test_an_error_is_one_line_without_a_traceback(run: Run, data: Path) -> None:
    done = run("users", "list")
    assert (done.code, done.out) == (6, "")
    assert done.err.startswith("DatabaseOutdated: The database is at migration none (empty)")
    assert done.err.endswith("Run: bugflow db upgrade\n")
    assert done.err.count("\n") == 1


def test_a_wrong_setting_is_one_line_that_names_it_and_not_its_value(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUGFLOW_SECRET_KEY", "hunter2")
    done = run("settings")
    assert done.code == 2
    assert done.err.startswith("InvalidSettings: The settings cannot be used: BUGFLOW_SECRET_KEY: ")
    assert done.err.count("\n") == 1
    assert "hunter2" not in done.err


@pytest.mark.parametrize("arguments", [["fly"], ["users", "fly"], ["import"], ["db", "status", "--fast"]], ids=" ".join)
def test_what_cannot_be_understood_is_exit_code_2(run: Run, arguments: list[str]) -> None:
    assert run(*arguments).code == 2


def test_a_database_that_does_not_answer_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BUGFLOW_DATABASE_URL", f"postgresql://nobody@/none?host={tmp_path}&connect_timeout=2")
    for command in (["db", "status"], ["users", "list"], ["audit", "verify"]):
        done = run(*command)
        assert (done.code, done.err.count("\n")) == (6, 1)
        assert done.err.startswith("DatabaseUnavailable: ")


def test_a_mistake_of_ours_is_not_hidden(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> typer.Typer:
        raise ZeroDivisionError

    monkeypatch.setattr("bugflow.cli.settings.load_settings", broken)
    with pytest.raises(ZeroDivisionError):
        run("settings")


# -- db ---


def test_db_upgrade_creates_and_can_be_repeated_status_tells_and_downgrade_empties(run: Run, data: Path) -> None:
    head = head_revision()
    assert run("db", "status").out == f"at none (empty), needed {head}\n"
    assert run("db", "upgrade").out == f"The database went from None to {head}.\n"
    assert run("db", "upgrade").out == f"The database is at {head}.\n"
    assert run("db", "status").out == f"at {head}, needed {head}\n"
    refused = run("db", "downgrade", "base", typed="n\n")
    assert refused.code == 1
    assert "will be lost" in refused.out + refused.err
    assert run("db", "status").out == f"at {head}, needed {head}\n"
    assert run("db", "downgrade", "base", "--yes").out == "The database is at base.\n"
    assert run("db", "upgrade").code == 0


# -- settings ---


def test_settings_are_printed_with_their_source_and_secrets_hidden(
    run: Run, monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    monkeypatch.setenv("BUGFLOW_SECRET_KEY", "q8-ZrXw3vN" * 4)
    monkeypatch.setenv("BUGFLOW_ADMIN_PASSWORD", "my own password")
    monkeypatch.setenv("BUGFLOW_DATABASE_URL", "postgresql://bug:flow-pass@db/bugflow")
    monkeypatch.setenv("BUGFLOW_RATE_LIMIT_URL", "redis://:redis/p@ss@cache:6379")
    done = run("settings")
    assert done.code == 0
    assert "BUGFLOW_DATABASE_URL=postgresql://(hidden)@db/bugflow" in done.out
    assert "BUGFLOW_RATE_LIMIT_URL=redis://(hidden)@cache:6379" in done.out
    assert "BUGFLOW_API_URL=http://127.0.0.1:8000" in done.out
    assert "BUGFLOW_SECRET_KEY=(hidden)  (environment)" in done.out
    assert f"BUGFLOW_DATA_DIR={data}  (environment)" in done.out
    assert "BUGFLOW_LOG_LEVEL=INFO  (default)" in done.out
    for secret in ("q8-Zr", "my own password", "flow-pass", "p@ss"):
        assert secret not in done.out


# -- audit ---


def test_audit_verify_ends_with_1_after_tampering(run: Run, migrated: Path) -> None:
    for name in ("pia", "ann"):
        run("users", "create", name, "--role", "pm", "--password-stdin", typed="correct horse battery\n")
    good = run("audit", "verify")
    assert good.code == 0
    assert good.out.startswith("2 entries, all whole. Head: ")
    with sqlite3.connect(migrated / "bugflow.db") as connection:
        for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f'DROP TRIGGER "{trigger}"')
        connection.execute("UPDATE audit_entry SET subject = 'user:99' WHERE number = 1")
    connection.close()
    bad = run("audit", "verify")
    assert (bad.code, bad.out) == (1, "")
    assert bad.err == "The audit log was tampered with: entry 1 was changed after it was written.\n"


# -- doctor ---


def test_doctor_says_what_to_do(run: Run, data: Path) -> None:
    done = run("doctor")
    assert done.code == 1
    assert "FIX  a database at this version: The database is at migration none (empty)" in done.out
    assert "Run: bugflow db upgrade" in done.out
    assert "ok   Python 3.11 or newer" in done.out
    assert "ok   models that are whole" in done.out


def test_doctor_finds_a_model_store_that_cannot_be_written(
    run: Run, migrated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUGFLOW_MODEL_STORE", f"file://{tmp_path}/shared")
    assert "ok   a model store that can be written, if one is set" in run("doctor").out
    (tmp_path / "blocked").write_text("no folder")
    monkeypatch.setenv("BUGFLOW_MODEL_STORE", f"file://{tmp_path}/blocked/models")
    done = run("doctor")
    assert done.code == 1
    assert "FIX  a model store that can be written, if one is set: The model store file://" in done.out


def test_doctor_finds_damaged_models(run: Run, migrated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").mkdir()
    monkeypatch.setenv("BUGFLOW_MODELS_DIR", str(tmp_path / "models"))
    done = run("doctor")
    assert done.code == 1
    assert "FIX  models that are whole: " in done.out
    assert "ok   a database at this version" in done.out
