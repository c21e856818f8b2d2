"""A PostgreSQL server for the tests: started once a process on a socket in a temporary folder, never synced to disk."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

_FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "listen_addresses": "",
}


def find_binaries() -> Path | None:
    """The folder of `initdb` and `postgres`, or None."""
    tool = shutil.which("pg_config")
    if tool is None:
        return None
    folder = Path(subprocess.run([tool, "--bindir"], capture_output=True, text=True, check=True).stdout.strip())
    return folder if (folder / "initdb").exists() and (folder / "postgres").exists() else None


@dataclass
class PostgresServer:
    """Databases on a running server."""

    folder: Path
    _numbers: Iterator[int] = field(default_factory=count)
    _contents: dict[str, "Contents"] = field(default_factory=dict)

    def url(self, name: str) -> str:
        return f"postgresql://postgres@/{name}?host={self.folder}"

    def create(self, name: str = "", *, template: str = "template0") -> str:
        """A new database, a copy of the template; its name."""
        name = name or f"t{next(self._numbers)}"
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" ENCODING UTF8 STRATEGY FILE_COPY')
        return name

    def reset(self, name: str, *, template: str) -> None:
        """Make a database what its template is: by its rows where the schema is the same, which is ten times faster."""
        if template not in self._contents:
            with psycopg.connect(self.url(template)) as connection:
                self._contents[template] = read_contents(connection)
        wanted = self._contents[template]
        try:
            with psycopg.connect(self.url(name)) as connection:
                if schema_of(connection) == wanted.schema:
                    wanted.put_into(connection)
                    return
        except psycopg.OperationalError:  # there is none yet
            pass
        self.drop(name)
        self.create(name, template=template)

    def drop(self, name: str) -> None:
        self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())


@dataclass(frozen=True)
class Contents:
    """What a fresh database holds.

    Attributes:
        schema: Digest of all columns, triggers and indexes.
        rows: Those of each table.
    """

    schema: str
    rows: dict[str, list[tuple[Any, ...]]]
    sequences: list[str]

    def put_into(self, connection: psycopg.Connection) -> None:
        connection.execute("SET session_replication_role = replica")  # without triggers and foreign keys
        for table in self.rows:
            connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
        for sequence in self.sequences:
            connection.execute("SELECT setval(%s, 1, false)", [sequence])
        for table, rows in self.rows.items():
            for row in rows:
                blanks = sql.SQL(", ").join(sql.Placeholder() * len(row))
                connection.execute(sql.SQL("INSERT INTO {} VALUES ({})").format(sql.Identifier(table), blanks), row)
            serial = f"{table}_id_seq"
            if rows and serial in self.sequences:
                connection.execute("SELECT setval(%s, %s)", [serial, len(rows)])


_SCHEMA = """
SELECT md5(string_agg(part, ';' ORDER BY part)) FROM (
    SELECT attrelid::regclass || ' ' || attname || ' ' || atttypid || attnotnull AS part
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE relnamespace = 'public'::regnamespace AND NOT attisdropped
    UNION ALL SELECT tgrelid::regclass || ' ' || tgname FROM pg_trigger WHERE NOT tgisinternal
) AS parts"""


def schema_of(connection: psycopg.Connection) -> str:
    row = connection.execute(_SCHEMA).fetchone()
    assert row is not None
    return str(row[0])


def read_contents(connection: psycopg.Connection) -> Contents:
    names = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
    )
    tables = [name for (name,) in names]
    rows = {
        table: connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table))).fetchall()
        for table in tables
    }
    sequences = connection.execute("SELECT sequencename FROM pg_sequences WHERE schemaname = 'public'").fetchall()
    return Contents(schema_of(connection), rows, [name for (name,) in sequences])


@contextmanager
def running_postgres(binaries: Path) -> Iterator[PostgresServer]:
    """Start a server for the block; as `postgres` where the tests run as root, whom the server refuses."""
    folder = Path(tempfile.mkdtemp(prefix="bugflow-pg-"))
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    someone: dict[str, Any] = {"env": environment, "cwd": "/"}
    if os.geteuid() == 0:
        account = pwd.getpwnam("postgres")
        os.chown(folder, account.pw_uid, account.pw_gid)
        someone |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    data = folder / "data"
    try:
        subprocess.run(
            [binaries / "initdb", "-D", data, "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8"],
            check=True,
            capture_output=True,
            **someone,
        )
        settings = [part for name, value in _FAST.items() for part in ("-c", f"{name}={value}")]
        server = subprocess.Popen(
            [binaries / "postgres", "-D", data, "-k", folder, *settings],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **someone,
        )
        try:
            found = PostgresServer(folder)
            _wait_until_ready(found)
            yield found
        finally:
            server.terminate()
            try:
                server.wait(timeout=10)
            except subprocess.TimeoutExpired:  # a connection was left open
                server.kill()
                server.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_ready(server: PostgresServer) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(server.url("postgres")).close()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
