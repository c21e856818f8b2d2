"""The schema: what the migrations build is what the tables say, and what they build they take down."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, text
from tests.conftest import Kind

from bugflow.db import migrations
from bugflow.db.engine import Database, make_engine
from bugflow.db.tables import Base
from bugflow.errors import DatabaseOutdated
from bugflow.runtime import check_schema

APPEND_ONLY = {
    "audit_entry": "details",
    "bug_event": "note",
    "prediction": "label",
    "feedback": "reason",
}


def ours(name: str | None, kind: str, parents: object) -> bool:
    return name in Base.metadata.tables if kind == "table" else name != "ix_bug_search"


def differences(engine: Engine) -> list[object]:
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_name": ours, "compare_type": True, "compare_server_default": True}
        )
        return list(compare_metadata(context, Base.metadata))


def test_the_schema_goes_up_down_to_nothing_and_up_again(empty_database: str) -> None:
    engine = make_engine(empty_database)
    assert migrations.current_revision(engine) is None
    migrations.upgrade(engine)
    assert migrations.current_revision(engine) == migrations.head_revision()
    migrations.downgrade(engine, "base")
    assert migrations.current_revision(engine) is None
    assert inspect(engine).get_table_names() == ["alembic_version"]
    migrations.upgrade(engine)
    assert differences(engine) == []
    engine.dispose()


def test_a_second_upgrade_changes_nothing(database: Database) -> None:
    migrations.upgrade(database.engine)
    assert migrations.current_revision(database.engine) == migrations.head_revision()


def test_autogenerate_finds_no_difference(database: Database) -> None:
    assert differences(database.engine) == []


def test_autogenerate_would_find_one(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("DROP INDEX ix_bug_created_at_id"))
        connection.execute(text("ALTER TABLE team ADD COLUMN colour TEXT"))
    assert len(differences(database.engine)) == 2


def test_downgrade_takes_the_guards_along(empty_database: str, kind: Kind) -> None:
    engine = make_engine(empty_database)
    migrations.upgrade(engine)
    migrations.downgrade(engine, "base")
    functions = "SELECT count(*) FROM pg_proc WHERE proname LIKE 'bugflow%'"
    triggers = "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' OR name LIKE 'bug_search%'"
    with engine.connect() as connection:
        assert connection.scalar(text(triggers if kind == "sqlite" else functions)) == 0
    engine.dispose()


def test_an_empty_database_is_refused_with_the_command_that_helps(empty_database: str) -> None:
    engine = make_engine(empty_database)
    with pytest.raises(DatabaseOutdated, match=r"none .empty.*bugflow db upgrade"):
        check_schema(Database(engine))
    engine.dispose()


def test_a_new_installation_has_the_four_teams_and_an_empty_audit_log(database: Database) -> None:
    with database.read() as session:
        teams = session.execute(text("SELECT name FROM team ORDER BY id")).scalars().all()
        assert teams == ["Backend", "Frontend", "Mobile", "DevOps"]
        assert session.execute(text("SELECT number, hash FROM audit_head")).all() == [(0, "0" * 64)]
