"""Transactions: one or the other, never half; readers do not wait."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import event, func, select, text
from sqlalchemy.exc import DBAPIError
from tests.conftest import Kind
from tests.factories import House
from tests.fakes import A_MONDAY

from bugflow.db.engine import MIN_SAFE_SQLITE, Database, make_engine, sqlite_driver
from bugflow.db.queries import find_by_name, insert_many, insert_new
from bugflow.db.tables import Project, Team
from bugflow.errors import DatabaseUnavailable
from bugflow.services import teams

T = TypeVar("T")


def at_once(n: int, act: Callable[[int], T]) -> list[T]:
    """What n threads got that all started at the same moment."""
    start = threading.Barrier(n)

    def wait_and_act(number: int) -> T:
        start.wait()
        return act(number)

    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(wait_and_act, range(n)))


def project(name: str = "Shop") -> dict[str, Any]:
    return {"name": name, "description": "", "is_active": True, "created_at": A_MONDAY}


def count(database: Database, kind: type[Project] | type[Team]) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(kind)) or 0


def test_of_many_that_insert_the_same_key_one_does(database: Database) -> None:
    def insert(_: int) -> bool:
        with database.write() as session:
            return insert_new(session, Project, project())

    assert sorted(at_once(8, insert)) == [False] * 7 + [True]
    assert count(database, Project) == 1


def test_a_project_named_by_many_at_once_is_made_once(database: Database) -> None:
    def name(_: int) -> int:
        with database.write() as session:
            return teams.get_or_create_project(session, "New  one", now=A_MONDAY).id

    assert len(set(at_once(6, name))) == 1
    assert count(database, Project) == 1


def test_many_rows_or_none_are_inserted(database: Database) -> None:
    with database.write() as session:
        insert_many(session, Project, [])
        insert_many(session, Project, [project("a"), project("b")])
    assert count(database, Project) == 2


def test_names_are_found_whatever_their_case(database: Database) -> None:
    with database.write() as session:
        session.add_all([Project(**project("WebApp")), Project(**project("École"))])
    with database.read() as session:
        for name in ("WebApp", "webapp", "WEBAPP", "École", "école"):
            assert find_by_name(session, Project, name) is not None, name
        assert find_by_name(session, Project, "Web") is None


def test_an_error_leaves_nothing(database: Database) -> None:
    with pytest.raises(RuntimeError), database.write() as session:
        session.add(Project(**project()))
        session.flush()
        raise RuntimeError
    assert count(database, Project) == 0


def test_a_reading_transaction_cannot_write_on_postgresql_and_is_never_kept(database: Database, kind: Kind) -> None:
    refusal = pytest.raises(DBAPIError, match="read-only") if kind == "postgresql" else nullcontext()
    with refusal, database.read() as session:
        session.add(Project(**project()))
        session.flush()
    assert count(database, Project) == 0


def test_a_reader_does_not_wait_for_a_writer_nor_see_its_work(database: Database) -> None:
    with database.write() as writer:
        writer.add(Project(**project()))
        writer.flush()
        assert at_once(1, lambda _: count(database, Project)) == [0]
    assert count(database, Project) == 1


def test_writers_queue_instead_of_failing(database: Database) -> None:
    def rename(number: int) -> None:
        with database.write() as session:
            team = session.get_one(Team, 1, with_for_update=True)
            team.description = f"{team.description}+{number}"

    with database.write() as session:
        session.get_one(Team, 1).description = ""
    at_once(6, rename)
    with database.read() as session:
        assert sorted(session.get_one(Team, 1).description) == sorted("+0+1+2+3+4+5")


def test_audit_entries_of_many_writers_form_one_chain(house: House) -> None:
    ann = house.person("ann")
    at_once(6, lambda _: ann.report())
    pia = house.person("pia", "pm")
    verdict = pia.get("/api/v1/audit/verify").json()
    assert verdict["ok"], verdict
    assert len(pia.get("/api/v1/bugs").json()["items"]) == 6


def test_a_database_that_cannot_be_reached_is_unavailable(tmp_path: Path, kind: Kind) -> None:
    url = f"sqlite:///{tmp_path}/no/folder/x.db" if kind == "sqlite" else f"postgresql://x@/x?host={tmp_path}"
    database = Database(make_engine(url))
    with pytest.raises(DatabaseUnavailable), database.read() as session:
        session.execute(text("SELECT 1"))
    with pytest.raises(DatabaseUnavailable), database.write() as session:
        session.execute(text("SELECT 1"))


def test_a_connection_that_was_cut_is_replaced_on_the_next_use(database: Database, kind: Kind) -> None:
    if kind == "sqlite":
        pytest.skip("a file has no connection to cut")
    with database.write() as session:
        own = session.scalar(text("SELECT pg_backend_pid()"))
    with database.write() as session:
        session.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = :d"
            ),
            {"d": "house"},
        )
    with database.read() as session:
        assert session.scalar(text("SELECT 1")) == 1
    assert own is not None


class TestSqlite:
    @pytest.fixture
    def kind(self) -> Kind:
        return "sqlite"

    def test_a_connection_is_set_up_to_lose_nothing(self, database: Database) -> None:
        with database.read() as session:
            pragmas = {
                name: session.execute(text(f"PRAGMA {name}")).scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            }
        assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}

    def test_the_driver_is_one_that_cannot_corrupt_a_wal_database(self) -> None:
        assert sqlite_driver().sqlite_version_info >= MIN_SAFE_SQLITE

    def test_foreign_keys_hold(self, database: Database) -> None:
        with pytest.raises(DBAPIError, match="FOREIGN KEY"), database.write() as session:
            session.execute(text("INSERT INTO comment (bug_id, author_id, text, created_at) VALUES (9, 9, 'x', '')"))

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
    def test_a_read_only_file_is_unavailable_for_writing(self, database: Database, tmp_path: Path) -> None:
        database.engine.dispose()
        Path(database.engine.url.database or "").chmod(0o444)
        with pytest.raises(DatabaseUnavailable), database.write() as session:
            session.add(Project(**project()))

    def test_a_full_disk_saves_nothing_and_says_so(self, database: Database) -> None:
        with database.write() as session:
            pages = session.execute(text("PRAGMA page_count")).scalar()
        with pytest.raises(DatabaseUnavailable), database.write() as session:
            session.execute(text(f"PRAGMA max_page_count = {pages}"))  # the same error as a full disk
            insert_many(session, Project, [{**project(f"p{n}"), "description": "x" * 500} for n in range(200)])
        database.engine.dispose()
        assert count(database, Project) == 0

    def test_a_writer_that_waits_too_long_is_told_so(self, database: Database) -> None:
        impatient = Database(make_engine(database.engine.url.render_as_string()))
        event.listen(impatient.engine, "connect", lambda raw, _: raw.execute("PRAGMA busy_timeout = 0"))
        with database.write() as first:
            first.add(Project(**project()))
            first.flush()
            with pytest.raises(DatabaseUnavailable), impatient.write() as second:
                second.add(Project(**project("Other")))
        impatient.engine.dispose()
        assert count(database, Project) == 1
