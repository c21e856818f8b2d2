"""Engines and sessions: SQLite as decided in docs/adr/0003, PostgreSQL by psycopg."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session, sessionmaker

from bugflow.errors import DatabaseUnavailable

BUSY_TIMEOUT_MS = 5_000
"""How long a writer waits for another one; commits take under a millisecond, so 5 s means that something is broken."""

MMAP_BYTES = 268_435_456  # reads come from the page cache, shared by all connections, instead of 2 MB for each

MIN_SAFE_SQLITE = (3, 51, 3)
"""3.7.0 to 3.51.2 can corrupt a WAL database when a reset meets a checkpoint (sqlite.org, "WAL-reset bug")."""


def sqlite_driver() -> ModuleType:
    """The SQLite driver of this process: pysqlite3, which bundles a current SQLite, else the standard library's.

    One process must use one copy of the library only: two lose each other's POSIX locks
    (sqlite.org/howtocorrupt.html, 2.2.1).
    """
    try:
        import pysqlite3.dbapi2 as driver  # noqa: PLC0415 - not there on every platform
    except ImportError:
        import sqlite3 as driver  # noqa: PLC0415
    if driver.sqlite_version_info < MIN_SAFE_SQLITE:
        warnings.warn(
            f"SQLite {driver.sqlite_version} has a bug that can corrupt the database; "
            "install pysqlite3 (bundles 3.53) or use PostgreSQL.",
            RuntimeWarning,
            stacklevel=2,
        )
    module: ModuleType = driver
    return module


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _configure_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver must not emit BEGIN on its own
    connection.create_function("lower", 1, _lower, deterministic=True)  # SQLite's own knows ASCII only
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")  # first: the next one may have to wait
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")  # an acknowledged write survives power loss, at 0.4 ms a commit
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute(f"PRAGMA mmap_size = {MMAP_BYTES}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction that turns from reading to writing fails at once when another one wrote meanwhile.
    writes = connection.get_execution_options().get("bugflow_writes", True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def make_engine(url: str, *, begins: bool = True) -> Engine:
    """An engine for one of the two databases.

    Args:
        url: `sqlite:///PATH` or `postgresql://…` (psycopg is used whichever driver is named).
        begins: Whether the engine emits BEGIN itself on SQLite. The jobs engine does not: DBOS does its own.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
        return create_engine(parsed, pool_pre_ping=True, pool_size=10, max_overflow=30, pool_timeout=10)
    engine = create_engine(parsed, module=sqlite_driver(), pool_size=10, max_overflow=30, pool_timeout=10)
    if begins:
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        event.listen(engine, "connect", _configure_jobs_sqlite)
    return engine


def _configure_jobs_sqlite(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()


class Database:
    """One database: its engine and its two kinds of transaction."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        options: dict[str, Any] = {"bugflow_writes": False} if self.is_sqlite else {"postgresql_readonly": True}
        self._readers = sessionmaker(engine.execution_options(**options), expire_on_commit=False)
        self._writers = sessionmaker(engine, expire_on_commit=False)

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    def refresh_statistics(self) -> None:
        """Let SQLite's planner learn from the data, after much of it was added; PostgreSQL does so by itself."""
        if self.is_sqlite:
            with self.write() as session:
                session.execute(text("PRAGMA optimize = 0x10002"))  # all tables that lack or outgrew their statistics

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only reads; it never waits for a writer on SQLite.

        Raises:
            DatabaseUnavailable: The database does not answer.
        """
        with _translated(), self._readers() as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that may write: commits at the end of the block, rolls back on any error.

        It begins with the first statement, so what runs before that holds no lock.

        Raises:
            DatabaseUnavailable: The database does not answer, is read-only or full; nothing was saved.
        """
        with _translated(), self._writers() as session, session.begin():
            yield session


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeoutError) as error:
        raise DatabaseUnavailable from error
    except DBAPIError as error:
        if error.connection_invalidated or type(error) is DatabaseError:  # a damaged file; the others are its children
            raise DatabaseUnavailable from error
        raise
