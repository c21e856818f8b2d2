"""The audit log finds whatever was done to it by someone who can write to the database."""

from collections.abc import Callable

import pytest
from sqlalchemy import Connection, text
from tests.conftest import Kind
from tests.factories import House

from bugflow.db.engine import Database
from bugflow.domain.audit import hash_entry
from bugflow.schemas.audit import AuditVerdict
from bugflow.services import audit


@pytest.fixture
def tamper(house: House, kind: Kind) -> Callable[[str], None]:
    """Run a statement as someone who first took the guards off; the log has 6 entries."""
    ann = house.person("ann")  # created, signed in
    for _ in range(4):
        ann.report()
    database = house.runtime.database
    assert verify(database).n_entries == 6

    def run(statements: str) -> None:
        with database.engine.begin() as connection:
            take_guards_off(connection, kind)
            for statement in statements.split(";"):
                connection.execute(text(statement))

    return run


def take_guards_off(connection: Connection, kind: Kind) -> None:
    if kind == "sqlite":
        connection.execute(text("DROP TRIGGER audit_entry_no_update"))
        connection.execute(text("DROP TRIGGER audit_entry_no_delete"))
    else:
        connection.execute(text("DROP TRIGGER audit_entry_append_only ON audit_entry"))


def verify(database: Database) -> AuditVerdict:
    with database.read() as session:
        return audit.verify(session)


@pytest.mark.usefixtures("tamper")
def test_an_untouched_log_holds(database: Database) -> None:
    verdict = verify(database)
    assert (verdict.ok, verdict.problem, verdict.n_entries) == (True, None, 6)
    assert len(verdict.head) == 64


@pytest.mark.parametrize(
    ("statements", "problem"),
    [
        ("UPDATE audit_entry SET actor_id = 99 WHERE number = 3", "entry 3 was changed after it was written"),
        ("UPDATE audit_entry SET action = 'bug.changed' WHERE number = 6", "entry 6 was changed after it was written"),
        ("UPDATE audit_entry SET subject = 'bug:9' WHERE number = 4", "entry 4 was changed after it was written"),
        ("UPDATE audit_entry SET details = '{}' WHERE number = 4", "entry 4 was changed after it was written"),
        ("UPDATE audit_entry SET at = '2020-01-01 00:00:00' WHERE number = 1", "entry 1 was changed"),
        ("UPDATE audit_entry SET hash = previous_hash WHERE number = 2", "entry 2 was changed after it was written"),
        ("DELETE FROM audit_entry WHERE number = 3", "entry 3 is missing"),
        ("DELETE FROM audit_entry WHERE number = 1", "entry 1 is missing"),
        ("DELETE FROM audit_entry WHERE number = 6", "the log ends at entry 5, but 6 were written"),
        ("DELETE FROM audit_entry", "the log ends at entry 0, but 6 were written"),
        ("DELETE FROM audit_head", "the chain's end is missing"),
        (
            "UPDATE audit_entry SET number = 99 WHERE number = 3; UPDATE audit_entry SET number = 3 WHERE number = 4;"
            "UPDATE audit_entry SET number = 4 WHERE number = 99",
            "entry 3 does not follow the one before it",
        ),
        (
            "DELETE FROM audit_entry WHERE number = 3; UPDATE audit_entry SET number = 3 WHERE number = 4;"
            "UPDATE audit_entry SET number = 4 WHERE number = 5; UPDATE audit_entry SET number = 5 WHERE number = 6",
            "entry 3 does not follow the one before it",
        ),
        (
            "INSERT INTO audit_entry SELECT 7, at, actor_id, action, subject, details, previous_hash, hash "
            "FROM audit_entry WHERE number = 6",
            "entry 7 does not follow the one before it",
        ),
    ],
)
def test_tampering_is_found(tamper: Callable[[str], None], database: Database, statements: str, problem: str) -> None:
    tamper(statements)
    verdict = verify(database)
    assert not verdict.ok
    assert problem in (verdict.problem or "")


@pytest.mark.usefixtures("tamper")
def test_an_entry_added_with_a_right_hash_but_past_the_end_is_found(house: House, database: Database) -> None:
    previous = verify(database).head
    forged = hash_entry(
        number=7, at=house.now, actor_id=1, action="bug.changed", subject="bug:1", details={}, previous_hash=previous
    )
    with database.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO audit_entry (number, at, actor_id, action, subject, details, previous_hash, hash) "
                "SELECT 7, at, 1, 'bug.changed', 'bug:1', '{}', :previous, :hash FROM audit_entry WHERE number = 6"
            ),
            {"previous": previous, "hash": forged},
        )
    verdict = verify(database)
    assert (verdict.ok, verdict.problem) == (False, "the log ends at entry 7, but 6 were written")


def test_the_log_holds_no_names_texts_or_secrets(house: House) -> None:
    ann = house.person("ann", email="ann@example.com")
    ann.report("The secret recipe is 1-2-3")
    pia = house.person("pia", "pm")
    log = str(pia.get("/api/v1/audit").json())
    assert not any(word in log for word in ("ann", "example.com", "recipe", "pia"))
