"""Rows that are only ever added: the database itself refuses anything else."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.factories import House


@pytest.fixture
def filled(house: House) -> House:
    """One row at least in each guarded table."""
    ann, pm = house.person("ann"), house.person("pia", "pm")
    bug_id = ann.report()["id"]
    pm.post("/api/v1/feedback", json={"bug_id": bug_id, "task": "severity", "label": "low"})
    pm.post("/api/v1/feedback/pins", json={"bug_id": bug_id, "task": "severity"})
    return house


@pytest.mark.parametrize("table", ["audit_entry", "bug_event", "prediction", "feedback", "pin"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET {}", "DELETE FROM {}"], ids=["update", "delete"])
def test_rows_cannot_be_changed_or_removed(filled: House, table: str, statement: str) -> None:
    column = "number = number + 1000" if table == "audit_entry" else "id = id + 1000"
    count = text(f"SELECT count(*) FROM {table}")
    with filled.runtime.database.engine.connect() as connection:
        before = connection.scalar(count)
        assert before
        with pytest.raises(DBAPIError, match=f"{table} is append-only"):
            connection.execute(text(statement.format(table, column)))
        connection.rollback()
        assert connection.scalar(count) == before


def test_other_rows_can(filled: House) -> None:
    with filled.runtime.database.engine.begin() as connection:
        assert connection.execute(text("UPDATE bug SET title = 'Other'")).rowcount == 1
