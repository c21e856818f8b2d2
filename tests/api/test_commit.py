"""A transaction ends before the answer goes out: what is acknowledged is saved."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, get_args

import pytest
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import event, func, select
from sqlalchemy.exc import OperationalError
from tests.factories import House

from bugflow.api.deps import ReadSession, WriteSession
from bugflow.db.tables import AuditEntry, Bug, BugEvent, Notification, PredictionRow, Project
from bugflow.domain.accounts import Role

DISK_FULL = OperationalError("COMMIT", None, Exception("database or disk is full"))


@contextmanager
def failing_commits(house: House, error: Exception) -> Iterator[None]:
    def fail(_connection: object) -> None:
        raise error

    engine = house.runtime.database.engine
    event.listen(engine, "commit", fail)
    try:
        yield
    finally:
        event.remove(engine, "commit", fail)


def rows(house: House) -> list[int]:
    with house.runtime.database.read() as session:
        kinds = (Bug, BugEvent, PredictionRow, Project, Notification, AuditEntry)
        return [session.scalar(select(func.count()).select_from(kind)) or 0 for kind in kinds]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(RuntimeError("a bug of ours"), 500, "InternalError"), (DISK_FULL, 503, "DatabaseUnavailable")],
    ids=["bug", "disk full"],
)
def test_a_report_whose_commit_fails_is_answered_as_failed_and_leaves_nothing(
    house: House, error: Exception, status: int, code: str
) -> None:
    person = house.person("tess", Role.TESTER)
    before = rows(house)
    with failing_commits(house, error):
        answer = person.post("/report_bug", json={"description": "The export fails", "project": "Shop"})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert rows(house) == before


def test_sessions_end_with_the_function_and_not_after_the_answer() -> None:
    for session in (ReadSession, WriteSession):
        assert get_args(session)[1].scope == "function"


def test_with_the_default_scope_a_failed_commit_would_be_answered_as_created() -> None:
    """Why the word is there: FastAPI runs what follows `yield` after the answer unless told otherwise."""

    def transaction() -> Iterator[None]:
        yield
        raise DISK_FULL

    def answer_of(dependency: object) -> int:
        app = FastAPI()

        @app.post("/report", status_code=201)
        def report(_: Annotated[None, dependency]) -> None: ...

        return TestClient(app, raise_server_exceptions=False).post("/report").status_code

    assert answer_of(Depends(transaction)) == 201
    assert answer_of(Depends(transaction, scope="function")) == 500
