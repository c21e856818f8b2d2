"""Keyset pages: nothing twice, nothing hidden, nothing forged."""

import base64
import json
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.factories import House

from bugflow.db.engine import Database
from bugflow.domain.accounts import Actor, Role
from bugflow.errors import InvalidCursor
from bugflow.schemas.bugs import BugFilter, BugPage
from bugflow.services.bugs import reading

SORTS = ["created_at", "-created_at", "updated_at", "-updated_at", "severity", "-severity", "id", "-id"]


def page(database: Database, actor: Actor, **wanted: Any) -> BugPage:
    with database.read() as session:
        return reading.list_bugs(session, actor, BugFilter(**wanted))


@pytest.fixture
def ann(house: House) -> Actor:
    actor = house.person("ann", Role.TESTER).actor
    assert actor is not None
    return actor


@pytest.mark.parametrize("sort", SORTS)
def test_pages_together_are_the_whole_list_in_order(house: House, ann: Actor, sort: str) -> None:
    for n in range(11):
        house.report(ann, severity=["low", "high", "medium"][n % 3])
        if n % 4 == 0:  # some bugs share their moment
            house.clock.advance(minutes=1)
    database = house.runtime.database
    whole = page(database, ann, sort=sort, limit=100)
    ids: list[int] = []
    cursor = None
    while True:
        part = page(database, ann, sort=sort, limit=3, cursor=cursor)
        ids += [bug.id for bug in part.items]
        cursor = part.next_cursor
        if cursor is None:
            break
    assert ids == [bug.id for bug in whole.items]
    assert len(set(ids)) == 11
    if sort in {"id", "created_at"}:
        assert ids == sorted(ids)
    if sort == "-severity":
        assert [bug.severity.rank for bug in whole.items] == sorted(
            (b.severity.rank for b in whole.items), reverse=True
        )


def test_a_full_last_page_has_no_next(house: House, ann: Actor) -> None:
    for _ in range(4):
        house.report(ann)
    first = page(house.runtime.database, ann, limit=2)
    second = page(house.runtime.database, ann, limit=2, cursor=first.next_cursor)
    assert len(second.items) == 2
    assert second.next_cursor is None


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_rows_added_while_reading_neither_repeat_nor_hide_others(house: House, ann: Actor, data: st.DataObject) -> None:
    database = house.runtime.database
    sort = data.draw(st.sampled_from(["-created_at", "created_at", "-severity", "-id"]))
    severities = st.sampled_from(["low", "medium", "high", "critical"])
    for severity in data.draw(st.lists(severities, min_size=1, max_size=4)):
        house.report(ann, severity=severity)
        house.clock.advance(seconds=data.draw(st.integers(0, 1)))
    present = {bug.id for bug in page(database, ann, limit=100).items}
    seen: list[int] = []
    cursor = None
    while True:
        part = page(database, ann, sort=sort, limit=data.draw(st.integers(1, 4)), cursor=cursor)
        seen += [bug.id for bug in part.items]
        cursor = part.next_cursor
        if cursor is None or len(seen) > 200:
            break
        if len(seen) < 30 and data.draw(st.booleans()):
            house.report(ann, severity=data.draw(severities))
            house.clock.advance(seconds=1)
    assert len(seen) == len(set(seen))
    assert present <= set(seen)


def forged(*parts: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


FORGED = {
    "no base64": "%%%",
    "not ascii": "é",
    "no JSON": base64.urlsafe_b64encode(b"{").decode(),
    "no list": forged(),
    "other sort": forged("created_at", {"t": "2026-01-01T00:00:00+00:00"}, 1),
    "no moment": forged("-created_at", {"t": "yesterday"}, 1),
    "no zone": forged("-created_at", {"t": "2026-01-01T00:00:00"}, 1),
    "before time": forged("-created_at", {"t": "0001-01-01T00:00:00+14:00"}, 1),
    "after time": forged("-created_at", {"t": "9999-12-31T23:59:59-14:00"}, 1),
    "no key": forged("-created_at", None, 1),
    "text id": forged("-created_at", {"t": "2026-01-01T00:00:00+00:00"}, "1"),
    "huge id": forged("-created_at", {"t": "2026-01-01T00:00:00+00:00"}, 2**63),
    "a statement": forged("-created_at", "'; DROP TABLE bug; --", 1),
    "deep": base64.urlsafe_b64encode(b"[" * 300).decode(),
    "a list of lists": forged("-created_at", [[]], 1),
}


@pytest.mark.parametrize("cursor", FORGED.values(), ids=FORGED.keys())
def test_a_forged_cursor_is_refused(house: House, ann: Actor, cursor: str) -> None:
    house.report(ann)
    with pytest.raises(InvalidCursor):
        page(house.runtime.database, ann, cursor=cursor)


def test_a_cursor_of_numbers_is_bounded(house: House, ann: Actor) -> None:
    house.report(ann)
    with pytest.raises(InvalidCursor):
        page(house.runtime.database, ann, sort="-severity", cursor=forged("-severity", 10**30, 1))
    assert page(house.runtime.database, ann, sort="-severity", cursor=forged("-severity", 2**62, 2**62)).items
    assert page(house.runtime.database, ann, sort="-id", cursor=forged("-id", None, 2**62)).items


@given(cursor=st.text(max_size=60))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_a_page_or_refused(house: House, ann: Actor, cursor: str) -> None:
    with suppress(InvalidCursor):
        page(house.runtime.database, ann, cursor=cursor)


@pytest.mark.parametrize("extreme", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
@pytest.mark.parametrize("field", ["created_after", "created_before", "updated_after"])
def test_moments_at_the_ends_of_time_filter_or_are_refused(house: House, field: str, extreme: str) -> None:
    pat = house.person("pat")
    assert pat.get("/api/v1/bugs", params={field: extreme}).status_code in {200, 422}


def test_moments_are_kept_in_utc_to_the_microsecond(house: House, ann: Actor) -> None:
    house.clock.now += timedelta(microseconds=123_456)
    bug_id = house.report(ann).id
    with house.runtime.database.read() as session:
        assert reading.get_bug(session, bug_id).created_at == house.now
