"""`bugflow doctor`: whether this machine can run BugFlow, and what to do if not."""

import shutil
import socket
import sys
import time
import warnings
from collections.abc import Callable

import typer

from bugflow.config import Settings, load_settings
from bugflow.db.engine import MIN_SAFE_SQLITE, sqlite_driver
from bugflow.errors import BugFlowError
from bugflow.ml.predictor import load_predictor
from bugflow.runtime import check_schema, open_database, open_shelf

MIN_FREE_BYTES = 1_000_000_000  # SQLite needs room for the write-ahead log and for migrations that copy a table
FIRST_SANE_YEAR = 2025


def doctor() -> None:
    """Check Python, SQLite, disk, database, models, ports and clock; exit code 1 if something must be done."""
    settings = load_settings()
    checks: list[tuple[str, Callable[[Settings], str | None]]] = [
        ("Python 3.11 or newer", lambda _: None if sys.version_info >= (3, 11) else "Install Python 3.11 or newer."),
        ("a SQLite that cannot corrupt the database", _sqlite),
        ("1 GB of free disk", _disk),
        ("a secret of its own", _secret),
        ("a database at this version", _database),
        ("models that are whole", _models),
        ("a model store that can be written, if one is set", _store),
        ("free ports 8000 and 8501", _ports),
        ("a clock that is set", lambda _: None if time.gmtime().tm_year >= FIRST_SANE_YEAR else "Set the clock."),
    ]
    healthy = True
    for name, check in checks:
        try:
            advice = check(settings)
        except BugFlowError as error:
            advice = str(error)
        healthy = healthy and advice is None
        mark = (
            typer.style("ok  ", fg=typer.colors.GREEN) if advice is None else typer.style("FIX ", fg=typer.colors.RED)
        )
        typer.echo(f"{mark} {name}" + (f": {advice}" if advice else ""))
    if not healthy:
        sys.exit(1)


def _sqlite(settings: Settings) -> str | None:
    if not settings.is_sqlite:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # said below, with advice
        version = sqlite_driver().sqlite_version_info
    if version >= MIN_SAFE_SQLITE:
        return None
    return f"it is {'.'.join(map(str, version))}. Install pysqlite3 (bundles 3.53) or use PostgreSQL."


def _disk(settings: Settings) -> str | None:
    folder = settings.data_dir
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    return None if free >= MIN_FREE_BYTES else f"{free / 1e9:.1f} GB are free in {folder}. Make room."


def _secret(settings: Settings) -> str | None:
    settings.signing_key()
    return None


def _database(settings: Settings) -> str | None:
    check_schema(open_database(settings))
    return None


def _models(settings: Settings) -> str | None:
    problems = load_predictor(settings.models_dir).problems
    return " ".join(problems.values()) or None


def _store(settings: Settings) -> str | None:
    store = open_shelf(settings).store
    if store is not None:
        store.check()
    return None


def _ports(_settings: Settings) -> str | None:
    taken = []
    for port in (8000, 8501):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                taken.append(str(port))
    if not taken:
        return None
    return f"{' and '.join(taken)} in use; if that is not BugFlow itself, choose others with --api-port and --ui-port."
