"""What all tests share: a migrated database each, a clock that stands still, no network but loopback."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import hypothesis
import pytest
import structlog
from hypothesis import settings as hypothesis_settings
from pytest_socket import socket_allow_hosts
from tests.factories import House, make_runtime, make_settings, open_house, replace_sqlite
from tests.fakes import FakeAssessor, FakeClock
from tests.postgres import PostgresServer, find_binaries, running_postgres

from bugflow.db import migrations
from bugflow.db.engine import make_engine
from bugflow.ml.duplicates.search import DuplicateSearch
from bugflow.ml.predictor import Assessor
from bugflow.runtime import Runtime

Kind = Literal["sqlite", "postgresql"]

# A busy machine is slow without being wrong.
hypothesis_settings.register_profile("house", deadline=None)
hypothesis_settings.load_profile("house")

BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


# A busy machine is no reason to fail; CI looks at the same examples each time.
hypothesis.settings.register_profile("house", deadline=None, derandomize=os.environ.get("CI") == "true")
hypothesis.settings.load_profile("house")


def pytest_runtest_setup(item: pytest.Item) -> None:
    socket_allow_hosts(["127.0.0.1", "::1", "localhost"], allow_unix_socket=True)


@pytest.fixture(autouse=True, scope="session")
def _plain_logs() -> None:
    """Tracebacks as they are: drawn with all local variables, one takes minutes."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
        ],
        cache_logger_on_first_use=False,
    )


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("BUGFLOW_") and not name.startswith("BUGFLOW_BENCH_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def kind() -> Kind:
    """Which database a test runs on; `@pytest.mark.parametrize("kind", BOTH)` asks for both."""
    return "sqlite"


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "bugflow.db"
    engine = make_engine(f"sqlite:///{path}")
    migrations.upgrade(engine)
    engine.dispose()  # the last connection folds the write-ahead log into the file
    return path


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    binaries = find_binaries()
    if binaries is None:
        message = "no PostgreSQL server found (pg_config, initdb, postgres)"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    with running_postgres(binaries) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_template(postgres: PostgresServer) -> str:
    name = postgres.create()
    engine = make_engine(postgres.url(name))
    migrations.upgrade(engine)
    engine.dispose()
    return name


@pytest.fixture
def empty_database(kind: Kind, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database without any table."""
    if kind == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = server.create()
    yield server.url(name)
    server.drop(name)


@pytest.fixture
def migrated_database(kind: Kind, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database at head; the test's own."""
    if kind == "sqlite":
        path = tmp_path / "bugflow.db"
        replace_sqlite(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = server.create(template=request.getfixturevalue("postgres_template"))
    yield server.url(name)
    server.drop(name)


@pytest.fixture
def clock(standing: House) -> FakeClock:
    return standing.clock


@pytest.fixture
def assessor(standing: House) -> FakeAssessor:
    return standing.assessor


@pytest.fixture(scope="session")
def _standing_houses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Kind, str], House]]:
    """Building the app takes half a second, so each process builds it once for each kind of database."""
    houses: dict[Kind, House] = {}
    with ExitStack() as stack:

        def house_of(kind: Kind, database_url: str) -> House:
            if kind not in houses:
                clock, assessor = FakeClock(), FakeAssessor()
                settings = make_settings(tmp_path_factory.mktemp("house"), database_url=database_url)
                runtime = make_runtime(settings, assessor=assessor, clock=clock)
                houses[kind] = stack.enter_context(open_house(runtime, clock=clock, assessor=assessor))
            return houses[kind]

        yield house_of


@pytest.fixture(scope="session")
def _sqlite_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sqlite") / "bugflow.db"


@pytest.fixture
def standing(
    kind: Kind, request: pytest.FixtureRequest, _standing_houses: Callable[[Kind, str], House]
) -> Iterator[House]:
    """The process's installation, with a fresh database, clock and assessor."""
    if kind == "sqlite":
        place: Path = request.getfixturevalue("_sqlite_place")
        replace_sqlite(request.getfixturevalue("sqlite_template"), place)
        url = f"sqlite:///{place}"
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        server.reset("house", template=request.getfixturevalue("postgres_template"))
        url = server.url("house")
    house = _standing_houses(kind, url)
    house.clock.reset()
    house.assessor.reset()
    yield house
    house.runtime.database.engine.dispose()


@pytest.fixture
def house(standing: House) -> House:
    """An installation with default settings."""
    return standing


@pytest.fixture
def runtime(standing: House) -> Runtime:
    return standing.runtime


@pytest.fixture
def build(standing: House) -> Iterator[Callable[..., House]]:
    """Open an installation with other settings, another assessor or search, on the same database."""
    with ExitStack() as stack:

        def open_with(
            *, predictor: Assessor | None = None, duplicates: DuplicateSearch | None = None, **overrides: Any
        ) -> House:
            settings = standing.runtime.settings.model_copy(update=overrides)
            assessor = predictor or standing.assessor
            runtime = make_runtime(settings, assessor=assessor, clock=standing.clock, duplicates=duplicates)
            stack.callback(runtime.database.engine.dispose)
            return stack.enter_context(open_house(runtime, clock=standing.clock, assessor=standing.assessor))

        yield open_with
