"""What is asked of the database in more than one place: keyset pages, full-text search, insert-or-ignore."""

import base64
import json
import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Select,
    UnaryExpression,
    and_,
    column,
    func,
    insert,
    literal_column,
    or_,
    select,
    table,
    text,
    true,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.orm.interfaces import ORMOption
from sqlalchemy.sql.operators import custom_op

from bugflow.db.tables import Base, Bug
from bugflow.errors import InvalidCursor

Row = TypeVar("Row")
Tag = TypeVar("Tag", bound=Base)


def page_of(
    session: Session,
    query: Select[Row],
    *,
    load: Sequence[ORMOption] = (),
    key: InstrumentedAttribute[Any] | None,
    identity: InstrumentedAttribute[int],
    sort: str,
    cursor: str | None,
    limit: int,
) -> tuple[Sequence[Row], str | None]:
    """One page of a query, by keyset: rows added or removed meanwhile neither repeat nor hide others.

    The ids are found and sorted first, then their rows are read: sorting whole rows would drag their texts along.

    Args:
        query: Which rows, as `select(Entity).where(…)`.
        load: How related rows are loaded.
        key: The column sorted by; None sorts by `identity` alone.
        sort: Name of the order, `-` in front for descending; a cursor is good for the order it was made in only.

    Returns:
        The rows, and the cursor of the next page or None at the end.

    Raises:
        InvalidCursor: The cursor was not made by this order.
    """
    descending = sort.startswith("-")
    if cursor is not None:
        value, last_id = _read_cursor(cursor, sort, type(None) if key is None else key.type.python_type)
        query = query.where(_beyond(key, identity, value, last_id, descending=descending))
    sorted_by = identity if key is None else key
    order = [identity] if key is None else [key, identity]
    found = query.with_only_columns(identity, sorted_by).order_by(*(c.desc() if descending else c for c in order))
    places = session.execute(found.limit(limit + 1)).all()
    ids = [row_id for row_id, _ in places[:limit]]
    loaded = session.scalars(select(identity.class_).where(identity.in_(ids)).options(*load))
    by_id = {getattr(row, identity.key): row for row in loaded}
    rows = [by_id[row_id] for row_id in ids if row_id in by_id]
    if len(places) <= limit:
        return rows, None
    last_id, value = places[limit - 1]
    return rows, _write_cursor(sort, None if key is None else value, last_id)


def _beyond(
    key: InstrumentedAttribute[Any] | None,
    identity: InstrumentedAttribute[int],
    value: Any,
    last_id: int,
    *,
    descending: bool,
) -> ColumnElement[bool]:
    after_id = identity < last_id if descending else identity > last_id
    if key is None:
        return after_id
    after_key = key < value if descending else key > value
    at_or_after = key <= value if descending else key >= value
    return and_(at_or_after, or_(after_key, after_id))  # the first condition is what an index can use


def _write_cursor(sort: str, value: Any, last_id: int) -> str:
    shown = {"t": value.isoformat()} if isinstance(value, datetime) else value
    return base64.urlsafe_b64encode(json.dumps([sort, shown, last_id]).encode()).decode().rstrip("=")


def _read_cursor(cursor: str, sort: str, kind: type) -> tuple[Any, int]:
    try:
        made_for, value, last_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if isinstance(value, dict):
            value = datetime.fromisoformat(value["t"])
            value = value.astimezone(UTC) if value.tzinfo else None
        numbers = [last_id, value] if isinstance(value, int) else [last_id]
        sound = (
            made_for == sort
            and isinstance(value, kind)
            and all(isinstance(number, int) and abs(number) < 2**63 for number in numbers)
        )
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError) as error:
        raise InvalidCursor from error
    if not sound:
        raise InvalidCursor
    return value, last_id


_WORD = re.compile(r"\w+")
MAX_SEARCH_WORDS = 16


def matches(session: Session, words: str) -> ColumnElement[bool]:
    """Bugs in whose title or description all words occur, the last one perhaps unfinished; without a word, all."""
    found = _WORD.findall(unicodedata.normalize("NFC", words))[:MAX_SEARCH_WORDS]
    if not found:
        return true()
    if session.get_bind().dialect.name == "sqlite":
        expression = " ".join(f'"{word}"' for word in found) + "*"
        search = table("bug_search", column("rowid"))
        hits = select(search.c.rowid).where(text("bug_search MATCH :words").bindparams(words=expression))
        # The + keeps SQLite from looking bugs up by id: it walks an index in the wanted order and asks "is it a hit?".
        return UnaryExpression(Bug.__table__.c.id, operator=custom_op("+")).in_(hits)
    expression = " & ".join(f"'{word}'" for word in found) + ":*"
    simple: ColumnElement[str] = literal_column("'simple'::regconfig")
    vector = func.to_tsvector(simple, Bug.title + literal_column("' '") + Bug.description)
    return vector.op("@@")(func.to_tsquery(simple, expression))


def insert_new(session: Session, target: type[Base], values: dict[str, Any]) -> bool:
    """Insert a row unless its key exists already; a concurrent insert of the same key is waited for.

    Returns:
        Whether the row was inserted.
    """
    dialect = session.get_bind().dialect.name
    statement = (sqlite.insert if dialect == "sqlite" else postgresql.insert)(target.__table__)  # type: ignore[arg-type]  # a Table
    # Not the row count, which psycopg does not know for inserts.
    one: ColumnElement[int] = literal_column("1")
    returned = statement.values(**values).on_conflict_do_nothing().returning(one)
    return session.execute(returned).first() is not None


def one_at_a_time(session: Session, target: type[Base]) -> None:
    """Wait until no other transaction is past this point for the same table: for rules over several of its rows.

    On SQLite writers queue anyway, from their first statement on.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"bugflow.{target.__tablename__}"))))


def insert_many(session: Session, target: type[Base], rows: list[dict[str, Any]]) -> None:
    if rows:
        session.execute(insert(target), rows)


def find_by_name(session: Session, target: type[Tag], name: str) -> Tag | None:
    """A team or project by its name, whatever the case: "webapp" and "WebApp" are one."""
    names = target.name  # type: ignore[attr-defined]  # teams and projects have one
    exact = session.scalar(select(target).where(names == name))
    return exact or session.scalar(select(target).where(func.lower(names) == name.lower()))
