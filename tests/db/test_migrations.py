"""The schema: what the migrations build is what the tables say, and what they build they take down."""

from datetime import UTC, datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, select, text
from tests.conftest import Kind

from bugflow.db import migrations
from bugflow.db.engine import Database, make_engine
from bugflow.db.tables import Base, Bug, Channel, Delivery, Notification, Project, User
from bugflow.domain.accounts import Role
from bugflow.domain.bugs import SetBy
from bugflow.domain.channels import ChannelKind, DeliveryState, Rhythm
from bugflow.domain.notifications import NotificationKind
from bugflow.domain.predictions import Severity
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


def test_deliveries_keep_what_they_are_of_while_notifications_get_another_shape(database: Database) -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    with database.write() as session:
        pia = User(username="pia", display_name="Pia", role=Role.PM, password_hash="", created_at=now)
        project = Project(name="Ledger", created_at=now)
        session.add_all([pia, project])
        session.flush()
        bug = Bug(
            title="It fails", description="", project_id=project.id, severity=Severity.LOW, severity_rank=0,
            severity_set_by=SetBy.PERSON, team_id=1, team_set_by=SetBy.PERSON, reporter_id=pia.id, created_at=now,
            updated_at=now,
        )  # fmt: skip
        channel = Channel(
            user_id=pia.id, kind=ChannelKind.EMAIL, name="", address="a", shown="a", wanted=["team", "review"],
            rhythm=Rhythm.AT_ONCE, created_at=now,
        )  # fmt: skip
        session.add_all([bug, channel])
        session.flush()
        told = Notification(user_id=pia.id, kind=NotificationKind.REVIEW, bug_id=bug.id, created_at=now)
        session.add(told)
        session.flush()
        session.add(
            Delivery(
                channel_id=channel.id,
                notification_id=told.id,
                kind=told.kind,
                bug_id=bug.id,
                created_at=now,
                state=DeliveryState.WAITING,
            )
        )
    migrations.downgrade(database.engine, "2026_11_25_review")
    migrations.upgrade(database.engine)
    assert differences(database.engine) == []
    with database.read() as session:
        (delivery,) = session.scalars(select(Delivery))
        assert (delivery.notification_id, delivery.said) == (told.id, None)
        assert session.get_one(Notification, told.id).bug_id == bug.id
        assert session.scalars(select(Channel.wanted)).one() == ["team", "review", "model"]


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
