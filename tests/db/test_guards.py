"""Rows that are only ever added: the database itself refuses anything else."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.factories import House

from bugflow.services.review import waiting


@pytest.fixture
def filled(house: House) -> House:
    """One row at least in each guarded table."""
    ann, pm = house.person("ann"), house.person("pia", "pm")
    bug_id = ann.report()["id"]
    pm.post("/api/v1/feedback", json={"bug_id": bug_id, "task": "severity", "label": "low"})
    pm.post("/api/v1/feedback/pins", json={"bug_id": bug_id, "task": "severity"})
    with house.runtime.database.write() as session:
        waiting.draw_spot_check(session, bug_id, share=1, now=house.now)
    return house


@pytest.mark.parametrize("table", ["audit_entry", "bug_event", "prediction", "feedback", "pin", "review_request"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET {}", "DELETE FROM {}"], ids=["update", "delete"])
def test_rows_cannot_be_changed_or_removed(filled: House, table: str, statement: str) -> None:
    key = {"audit_entry": "number", "review_request": "bug_id"}.get(table, "id")
    column = f"{key} = {key} + 1000"
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
