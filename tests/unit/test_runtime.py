"""The composition root: built whole, or refused with what to do."""

import sys
from pathlib import Path

import pytest
from tests.factories import make_settings, replace_sqlite
from tests.fakes import A_MONDAY

from bugflow.db import engine
from bugflow.domain.accounts import Role
from bugflow.domain.predictions import Task
from bugflow.errors import DatabaseOutdated, DatabaseUnavailable
from bugflow.runtime import build_runtime, make_passwords, open_database, utc_now
from bugflow.schemas.accounts import UserCreate
from bugflow.services import accounts


def test_a_migrated_installation_is_opened_with_its_models(tmp_path: Path, sqlite_template: Path) -> None:
    replace_sqlite(sqlite_template, tmp_path / "bugflow.db")
    runtime = build_runtime(make_settings(tmp_path, machine_sets_critical=True))
    assert set(runtime.predictor.versions) == set(Task)
    assert runtime.policy.machine_sets_critical
    assert (utc_now() - runtime.clock()).total_seconds() < 60
    assert runtime.clock().utcoffset() is not None
    assert runtime.tokens.access_seconds == 1800
    runtime.database.engine.dispose()


def test_an_installation_that_is_not_migrated_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatabaseOutdated, match="bugflow db upgrade"):
        build_runtime(make_settings(tmp_path / "made"))
    assert (tmp_path / "made").is_dir()


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "bugflow.db").write_text("This is not a database, but it is long enough to be taken for one. " * 50)
    with pytest.raises(DatabaseUnavailable):
        build_runtime(make_settings(tmp_path))


def test_passwords_are_hashed_as_recommended() -> None:
    """RFC 9106, 4: Argon2id, second choice: 64 MiB, 3 passes, 4 lanes."""
    assert make_passwords().hash("x").startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_an_installation_knows_whether_someone_administers_it(tmp_path: Path, sqlite_template: Path) -> None:
    replace_sqlite(sqlite_template, tmp_path / "bugflow.db")
    database = open_database(make_settings(tmp_path))
    for username, is_admin in (("pm", False), ("boss", True)):
        body = UserCreate(username=username, password="correct horse", role=Role.PM, is_admin=is_admin)
        with database.write() as session:
            accounts.create_user(session, make_passwords(), actor=None, body=body, now=A_MONDAY)
        with database.read() as session:
            assert accounts.has_administrator(session) is is_admin
    database.engine.dispose()


def test_an_old_sqlite_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MIN_SAFE_SQLITE", (99, 0, 0))
    with pytest.warns(RuntimeWarning, match="can corrupt the database"):
        engine.sqlite_driver()


def test_without_the_bundled_driver_the_standard_librarys_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    import sqlite3

    monkeypatch.setitem(sys.modules, "pysqlite3.dbapi2", None)
    monkeypatch.setattr(engine, "MIN_SAFE_SQLITE", (3, 0, 0))
    assert engine.sqlite_driver().sqlite_version == sqlite3.sqlite_version
