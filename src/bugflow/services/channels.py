"""Channels: adding, changing, testing, removing them."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session, joinedload

from bugflow.db.queries import one_at_a_time
from bugflow.db.tables import Channel, Delivery
from bugflow.domain.accounts import Action, Actor, Scope, demand, scope_of
from bugflow.domain.audit import AuditAction
from bugflow.domain.channels import MAX_CHANNELS, TEAM_KINDS, DeliveryState
from bugflow.domain.notifications import NotificationKind, kinds_for
from bugflow.errors import Forbidden, NotFound, TooManyChannels
from bugflow.notify.notifier import Notifier
from bugflow.schemas.channels import ChannelCreate, ChannelPatch, ChannelRead
from bugflow.services import audit, teams


def list_channels(session: Session, actor: Actor) -> list[ChannelRead]:
    """The actor's own channels, and all of teams for those who manage these."""
    query = select(Channel).options(joinedload(Channel.team)).order_by(Channel.id)
    whose = Channel.user_id == actor.id
    if scope_of(actor, Action.MANAGE_CHANNELS) is Scope.ALL:
        whose = whose | Channel.team_id.is_not(None)
    return _read(session, session.scalars(query.where(whose)).all())


def add_channel(
    session: Session, notifier: Notifier, *, actor: Actor, body: ChannelCreate, now: datetime
) -> ChannelRead:
    """Add a channel for oneself, or for a team where the body names one.

    Raises:
        Forbidden: Only project managers add channels of teams.
        RefusedAddress: The address is not taken; says why.
        UnknownReference: There is no such team.
        TooManyChannels: There are `MAX_CHANNELS` already.
    """
    if body.team is not None and scope_of(actor, Action.MANAGE_CHANNELS) is not Scope.ALL:
        raise Forbidden(role=actor.role, action=Action.MANAGE_CHANNELS.value, circumstance=" of teams")
    address = notifier.read_address(body.address.get_secret_value())
    team = teams.get_team(session, body.team) if body.team is not None else None
    one_at_a_time(session, Channel)
    whose = Channel.user_id == actor.id if team is None else Channel.team_id == team.id
    if (session.scalar(select(func.count()).select_from(Channel).where(whose)) or 0) >= MAX_CHANNELS:
        raise TooManyChannels(limit=MAX_CHANNELS)
    every = kinds_for(actor.role) if team is None else TEAM_KINDS
    channel = Channel(
        user_id=actor.id if team is None else None,
        team=team,
        kind=address.kind,
        name=body.name.strip(),
        address=address.text,
        shown=address.shown,
        wanted=_kinds(every if body.wanted is None else body.wanted),
        rhythm=body.rhythm,
        created_at=now,
    )
    session.add(channel)
    session.flush()
    _record(
        session, AuditAction.CHANNEL_ADDED, channel, actor, now=now, kind=channel.kind.value, team_id=channel.team_id
    )
    return _read(session, [channel])[0]


def change_channel(
    session: Session, channel_id: int, *, actor: Actor, body: ChannelPatch, now: datetime
) -> ChannelRead:
    """Change what is told through a channel and when.

    Raises:
        NotFound: There is none of that id that the actor may know of.
        Forbidden: It is a team's, and the actor is no project manager.
    """
    channel = _get_managed(session, channel_id, actor)
    if body.name is not None:
        channel.name = body.name.strip()
    if body.wanted is not None:
        channel.wanted = _kinds(body.wanted)
    if body.rhythm is not None:
        channel.rhythm = body.rhythm
    session.flush()
    _record(session, AuditAction.CHANNEL_CHANGED, channel, actor, now=now, fields=sorted(body.model_fields_set))
    return _read(session, [channel])[0]


def remove_channel(session: Session, channel_id: int, *, actor: Actor, now: datetime) -> None:
    """Remove a channel and what was still to be said through it.

    Raises:
        NotFound, Forbidden: As for `change_channel`.
    """
    channel = _get_managed(session, channel_id, actor)
    session.delete(channel)
    session.flush()
    _record(session, AuditAction.CHANNEL_REMOVED, channel, actor, now=now)


def test_channel(session: Session, channel_id: int, *, actor: Actor, now: datetime) -> ChannelRead:
    """Let a worker send a test message at once; how that went is then to be read in the channel.

    Raises:
        NotFound, Forbidden: As for `change_channel`.
    """
    channel = _get_managed(session, channel_id, actor)
    if not _read(session, [channel])[0].is_testing:
        session.add(Delivery(channel_id=channel.id, state=DeliveryState.WAITING, created_at=now))
        channel.next_at = None
        session.flush()
    return _read(session, [channel])[0]


def remove_channels_of(session: Session, user_id: int) -> None:
    """Remove all channels of a person who is erased."""
    session.execute(delete(Channel).where(Channel.user_id == user_id))


def _get_managed(session: Session, channel_id: int, actor: Actor) -> Channel:
    """A channel that the actor may change; that of another person does not exist for them, whatever their role."""
    load = [joinedload(Channel.team)]
    channel = session.get(Channel, channel_id, with_for_update={"of": Channel}, options=load)
    if channel is None or channel.user_id not in {None, actor.id}:
        raise NotFound(what="channel", key=channel_id)
    demand(actor, Action.MANAGE_CHANNELS, own=channel.user_id == actor.id)
    return channel


def _kinds(wanted: Sequence[NotificationKind]) -> list[str]:
    return [kind.value for kind in NotificationKind if kind in wanted]


def _record(
    session: Session, action: AuditAction, channel: Channel, actor: Actor, *, now: datetime, **details: object
) -> None:
    audit.record(session, action, actor_id=actor.id, subject=f"channel:{channel.id}", now=now, **details)


def _read(session: Session, channels: Sequence[Channel]) -> list[ChannelRead]:
    waiting = {
        channel_id: (n_waiting, n_waiting - n_events)
        for channel_id, n_waiting, n_events in session.execute(
            select(Delivery.channel_id, func.count(), func.count(Delivery.kind))
            .where(Delivery.channel_id.in_([one.id for one in channels]), Delivery.state == DeliveryState.WAITING)
            .group_by(Delivery.channel_id)
        )
    }
    return [
        ChannelRead(
            id=one.id,
            kind=one.kind,
            name=one.name,
            shown=one.shown,
            team=one.team.name if one.team else None,
            wanted=[NotificationKind(kind) for kind in one.wanted],
            rhythm=one.rhythm,
            created_at=one.created_at,
            delivered_at=one.delivered_at,
            problem=one.problem,
            failing_since=one.failing_since,
            n_waiting=waiting.get(one.id, (0, 0))[0],
            n_given_up=one.n_given_up,
            is_testing=waiting.get(one.id, (0, 0))[1] > 0,
        )
        for one in channels
    ]
