"""The demo: the same data every time, made by the same use cases that people call."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from tests.conftest import BOTH
from tests.factories import CHEAP_PASSWORDS, PASSWORD, House, replace_sqlite
from tests.services.importing import counts

from bugflow.db.tables import AuditEntry, Bug, BugEvent, Comment, DuplicateLink, Feedback, PredictionRow, Project, User
from bugflow.domain.bugs import MOVES, EventKind, SetBy, Status
from bugflow.domain.feedback import FeedbackKind
from bugflow.domain.predictions import Task
from bugflow.errors import DemoNeedsEmptyData
from bugflow.services import audit, demo
from bugflow.services.bugs import changing

both = pytest.mark.parametrize("kind", BOTH)
TABLES = (User, Project, Bug, BugEvent, Comment, DuplicateLink, Feedback, PredictionRow, AuditEntry)


def load(house: House) -> list[User]:
    runtime = house.runtime
    return demo.load_demo(
        runtime.database, runtime.predictor, CHEAP_PASSWORDS, policy=runtime.policy, password=PASSWORD, now=house.now
    )


def told(house: House) -> dict[str, Any]:
    """Everything that the demo wrote, without ids of the database's own and password hashes."""
    with house.runtime.database.read() as session:
        return {
            "bugs": [
                (bug.id, bug.title, bug.status, bug.severity, bug.team_id, bug.assigned_to_id, bug.updated_at)
                for bug in session.scalars(select(Bug).order_by(Bug.id))
            ],
            "events": [
                (event.bug_id, event.kind, event.actor_id, event.old_value, event.new_value, event.created_at)
                for event in session.scalars(select(BugEvent).order_by(BugEvent.id))
            ],
            "audit": session.scalars(select(AuditEntry.hash).order_by(AuditEntry.number)).all(),
        }


def _check_histories(house: House) -> None:
    with house.runtime.database.read() as session:
        bugs = session.scalars(select(Bug)).all()
        events = session.scalars(select(BugEvent).order_by(BugEvent.bug_id, BugEvent.id)).all()
        comments = Counter(session.scalars(select(Comment.bug_id)))
    for bug in bugs:
        history = [event for event in events if event.bug_id == bug.id]
        assert history[0].kind is EventKind.REPORTED
        assert history[0].created_at == bug.created_at
        assert all(earlier.created_at <= later.created_at for earlier, later in pairwise(history))
        assert history[-1].created_at <= house.now
        moves = [event for event in history if event.field == "status"]
        path = [Status.OPEN, *(Status(event.new_value or "") for event in moves)]
        assert path[-1] is bug.status
        assert all(new in MOVES[old] for old, new in pairwise(path))
        assert (bug.resolved_at is not None) is (bug.status is Status.RESOLVED)
        assert sum(event.kind is EventKind.COMMENTED for event in history) == comments[bug.id]
    assert {bug.status for bug in bugs} == set(Status)
    assert {event.kind for event in events} >= {EventKind.CORRECTED, EventKind.CONFIRMED, EventKind.COMMENTED}
    assert {bug.severity_set_by for bug in bugs} == set(SetBy)


@both
def test_a_whole_installation_is_written_once_with_a_possible_history_of_every_bug(house: House) -> None:
    people = load(house)
    assert [person.username for person in people] == ["amara", "tomasz", "linh", "mateo", "yasmin", "priya"]
    priya = house.sign_in("priya")
    written = counts(house, *TABLES)
    assert written["bug"] >= 150
    assert written["prediction"] == 2 * written["bug"]
    assert min(written["comment"], written["feedback"], written["project"]) > 5
    assert priya.get("/api/v1/users").status_code == 200
    assert len(priya.get("/api/v1/bugs", params={"limit": 100}).json()["items"]) == 100
    with house.runtime.database.read() as session:
        assert demo.is_demo(session)
        assert audit.verify(session).ok
        words = session.scalars(select(Feedback)).all()
        moments = session.scalars(select(Bug.created_at).order_by(Bug.created_at)).all()
    assert {word.task for word in words} == set(Task)
    assert all((word.label == word.predicted) is (word.kind is FeedbackKind.CONFIRMATION) for word in words)
    assert house.now - timedelta(days=200) < moments[0] < house.now - timedelta(days=150)
    assert house.now - timedelta(days=14) < moments[-1] < house.now
    _check_histories(house)
    before = counts(house, *TABLES)
    with pytest.raises(DemoNeedsEmptyData):
        load(house)
    assert counts(house, *TABLES) == before


def test_the_same_moment_and_models_give_the_same_data(
    house: House, build: Callable[..., House], sqlite_template: Path, tmp_path: Path
) -> None:
    load(house)
    replace_sqlite(sqlite_template, tmp_path / "second.db")
    second = build(database_url=f"sqlite:///{tmp_path / 'second.db'}")
    load(second)
    assert told(second) == told(house)


@both
def test_it_is_refused_where_there_are_people_and_nothing_is_added(house: House) -> None:
    house.person("ann")
    before = counts(house, *TABLES)
    with pytest.raises(DemoNeedsEmptyData):
        load(house)
    assert counts(house, *TABLES) == before
    with house.runtime.database.read() as session:
        assert not demo.is_demo(session)


def test_it_is_written_as_a_whole_or_not_at_all(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    before = counts(house, *TABLES)

    def broken(*_given: Any, **_named: Any) -> None:
        raise RuntimeError("power loss")

    with monkeypatch.context() as patch:
        patch.setattr(changing, "update_bug", broken)
        with pytest.raises(RuntimeError, match="power loss"):
            load(house)
    assert counts(house, *TABLES) == before


@both
def test_old_duplicates_are_linked_and_young_ones_are_left_to_decide(house: House) -> None:
    load(house)
    with house.runtime.database.read() as session:
        links = session.scalars(select(DuplicateLink)).all()
    assert len(links) == 8
    assert all(link.root_id < link.bug_id for link in links)
