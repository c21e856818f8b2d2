"""Deliveries: events are put beside their cause in one transaction, and sent from there, message by message.

A message gets its key and its events in a transaction of its own before it is sent, and is marked in another one when
the receiver has taken it. Whoever is killed between the two leaves a message that is sent again under the same key.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import ColumnElement, Select, and_, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session, joinedload

from bugflow.db.engine import Database
from bugflow.db.tables import Bug, Channel, Delivery, Notification, Team, User
from bugflow.domain.channels import (
    EVENTS_A_MESSAGE,
    GIVE_UP_AFTER,
    TOGETHER_AFTER,
    ChannelKind,
    DeliveryState,
    Rhythm,
    pause_after,
    told_up_to,
)
from bugflow.domain.notifications import NotificationKind, say
from bugflow.errors import Undelivered
from bugflow.notify.messages import Event, Message, one_line
from bugflow.notify.notifier import Notifier

BEGIN_LEASE = timedelta(seconds=30)  # until the first message; a turn whose worker died before it is begun anew
LEASE = timedelta(minutes=5)
"""From message to message; one takes at most 30 s, so whoever needs longer is dead."""

TURNS_AT_ONCE = 20  # begun by one look; each holds a thread


_WAITING = Delivery.state == DeliveryState.WAITING

# -- Beside the event ---


def add_for_people(session: Session, notifications: Sequence[Notification]) -> None:
    """Put what people are told in the app also into the channels that they have for it."""
    user_ids = {one.user_id for one in notifications}
    channels = session.scalars(select(Channel).where(Channel.user_id.in_(user_ids))).all()
    if not channels:
        return
    session.flush()  # which gives the notifications their ids
    session.add_all(
        Delivery(
            channel_id=channel.id,
            notification_id=one.id,
            kind=one.kind,
            bug_id=one.bug_id,
            said=one.said,
            actor_id=one.actor_id,
            state=DeliveryState.WAITING,
            created_at=one.created_at,
        )
        for one in notifications
        for channel in channels
        if channel.user_id == one.user_id and one.kind in channel.wanted
    )


def add_for_team(session: Session, kind: NotificationKind, *, bug: Bug, actor_id: int | None, now: datetime) -> None:
    """Tell the channels of the bug's team; once for an event, however many members it has."""
    query = select(Channel).join(Team, Channel.team_id == Team.id).where(Team.id == bug.team_id, Team.is_active)
    session.add_all(
        Delivery(
            channel_id=channel.id,
            kind=kind,
            bug_id=bug.id,
            actor_id=actor_id,
            state=DeliveryState.WAITING,
            created_at=now,
        )
        for channel in session.scalars(query)
        if kind in channel.wanted
    )


def count(session: Session) -> tuple[int, int]:
    """How many events wait to be delivered, and how many never were."""
    n_waiting = session.scalar(select(func.count()).select_from(Delivery).where(_WAITING)) or 0
    return n_waiting, session.scalar(select(func.sum(Channel.n_given_up))) or 0


# -- Turns: which worker delivers through which channel ---


def begin_turns(database: Database, *, now: datetime, daily_hour: int) -> list[tuple[int, int]]:
    """Take the channels through which something is due and nobody delivers; of several workers one gets each.

    Returns:
        Channel and number of its turn.
    """
    with database.read() as session:
        if not session.scalars(_due(now, daily_hour).limit(1)).first():
            return []
    with database.write() as session:
        channels = session.scalars(
            _due(now, daily_hour).limit(TURNS_AT_ONCE).with_for_update(skip_locked=True, of=Channel)
        ).all()
        for channel in channels:
            channel.turn += 1
            channel.turn_until = now + BEGIN_LEASE
        return [(channel.id, channel.turn) for channel in channels]


def _due(now: datetime, daily_hour: int) -> Select[Channel]:
    rhythms = {rhythm: told_up_to(rhythm, now, daily_hour=daily_hour) for rhythm in Rhythm}
    is_due = or_(
        Delivery.kind.is_(None),
        Delivery.message_key.is_not(None),  # begun, and not ended
        *(and_(Channel.rhythm == rhythm, Delivery.created_at <= moment) for rhythm, moment in rhythms.items()),
    )
    waiting = exists().where(Delivery.channel_id == Channel.id, _WAITING, is_due)
    return select(Channel).where(
        or_(Channel.turn_until.is_(None), Channel.turn_until <= now),
        or_(Channel.next_at.is_(None), Channel.next_at <= now),
        waiting,
    )


# -- One message ---


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message on its way.

    Attributes:
        address: Where to, with its secrets.
    """

    channel_id: int
    kind: ChannelKind
    address: str = field(repr=False)
    message: Message


def deliver_next(
    database: Database, notifier: Notifier, channel_id: int, turn: int, *, clock: Callable[[], datetime]
) -> bool:
    """Send the next message of a channel.

    Run again after a kill it first sends what was on its way, under the same key.

    Returns:
        Whether there may be another one. If not, the turn is over.
    """
    with database.write() as session:
        parcel = _pack(session, notifier, channel_id, turn, now=clock())
    if parcel is None:
        return False
    try:
        notifier.send(parcel.address, parcel.kind, parcel.message)
    except Undelivered as error:
        with database.write() as session:
            _note_failure(session, parcel, str(error.facts["reason"]), now=clock(), daily_hour=notifier.daily_hour)
        return False
    with database.write() as session:
        _note_success(session, parcel, now=clock())
    return True


def _pack(session: Session, notifier: Notifier, channel_id: int, turn: int, *, now: datetime) -> Parcel | None:
    """Decide what the next message is, for good; None at the end of the turn."""
    channel = session.get(Channel, channel_id, with_for_update=True)
    if channel is None or channel.turn != turn:
        return None
    rows = _next_of(session, channel, now=now, daily_hour=notifier.daily_hour)
    if rows and channel.user_id is not None and not session.get_one(User, channel.user_id).is_active:
        rows = []
        session.execute(delete(Delivery).where(Delivery.channel_id == channel.id, _WAITING))
    if not rows:
        channel.turn_until = None
        return None
    channel.turn_until = now + LEASE
    key = rows[0].message_key or uuid4().hex
    for row in rows:
        row.message_key, row.tried_at = key, row.tried_at or now
    events = tuple(_event_of(row, notifier.pages_url) for row in rows if row.kind is not None)
    settings_url = f"{notifier.pages_url}/settings" if notifier.pages_url else ""
    return Parcel(channel.id, channel.kind, channel.address, Message(key, events, settings_url))


def _next_of(session: Session, channel: Channel, *, now: datetime, daily_hour: int) -> Sequence[Delivery]:
    load = [joinedload(Delivery.bug).joinedload(Bug.team), joinedload(Delivery.actor)]
    waiting = select(Delivery).where(Delivery.channel_id == channel.id, _WAITING)
    waiting = waiting.order_by(Delivery.id).options(*load)
    test = session.scalars(waiting.where(Delivery.kind.is_(None)).limit(1)).all()
    if test:
        return test
    begun = session.scalars(waiting.where(Delivery.message_key.is_not(None))).all()
    if begun:
        return [row for row in begun if row.message_key == begun[0].message_key]
    due = told_up_to(channel.rhythm, now, daily_hour=daily_hour)
    rows = session.scalars(waiting.where(Delivery.created_at <= due).limit(EVENTS_A_MESSAGE)).all()
    if channel.rhythm is Rhythm.AT_ONCE and rows and now - rows[0].created_at <= TOGETHER_AFTER:
        return rows[:1]
    return rows


def _event_of(row: Delivery, pages_url: str) -> Event:
    assert row.kind is not None  # noqa: S101 - only a test has none
    bug = row.bug
    if bug is None:
        url = f"{pages_url}/models" if pages_url else ""
        return Event(row.kind.value, None, "Models", row.said or "", url, row.created_at)
    who = one_line(row.actor.display_name) if row.actor else "BugFlow"
    return Event(
        kind=row.kind.value,
        bug_id=bug.id,
        title=one_line(bug.title),
        said=say(row.kind, who=who, status=bug.status, severity=bug.severity, team=one_line(bug.team.name)),
        url=f"{pages_url}/bug?id={bug.id}" if pages_url else "",
        at=row.created_at,
    )


def _note_success(session: Session, parcel: Parcel, *, now: datetime) -> None:
    _end(session, Delivery.message_key == parcel.message.key, DeliveryState.SENT, now=now)
    channel = session.get(Channel, parcel.channel_id, with_for_update=True)
    if channel is not None:
        channel.delivered_at = now
        channel.problem = channel.failing_since = channel.next_at = None
        channel.n_failures = 0


def _note_failure(session: Session, parcel: Parcel, reason: str, *, now: datetime, daily_hour: int) -> None:
    """Pause, longer each time. A test is not repeated; what was tried for a day, or waited behind it, is given up."""
    channel = session.get(Channel, parcel.channel_id, with_for_update=True)
    if channel is None:
        return
    channel.problem, channel.failing_since = reason[:500], channel.failing_since or now
    channel.turn_until = None
    if not parcel.message.events:
        _end(session, Delivery.message_key == parcel.message.key, DeliveryState.GIVEN_UP, now=now)
        return
    channel.n_failures += 1
    channel.next_at = now + pause_after(channel.n_failures)
    if channel.failing_since <= now - GIVE_UP_AFTER:
        old = now - GIVE_UP_AFTER
        due = told_up_to(channel.rhythm, old, daily_hour=daily_hour)
        tried = Delivery.tried_at <= old
        behind = and_(Delivery.tried_at.is_(None), Delivery.created_at <= due)
        which = and_(Delivery.channel_id == channel.id, or_(tried, behind))
        channel.n_given_up += _end(session, which, DeliveryState.GIVEN_UP, now=now)


def _end(session: Session, which: ColumnElement[bool], state: DeliveryState, *, now: datetime) -> int:
    statement = update(Delivery).where(which, _WAITING)
    return len(session.execute(statement.values(state=state, ended_at=now).returning(Delivery.id)).all())
