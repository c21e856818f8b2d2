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

    def url(self, name: str) -> str:
        return f"postgresql://postgres@/{name}?host={self.folder}"

    def create(self, name: str = "", *, template: str = "template0") -> str:
        """A new database, a copy of the template; its name."""
        name = name or f"t{next(self._numbers)}"
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" ENCODING UTF8')
        return name

    def drop(self, name: str) -> None:
        self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())


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
