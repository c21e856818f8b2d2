"""Channels over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, status

from bugflow.api.deps import May, Now, ReadSession, RowId, RuntimeDep, Self, WriteSession
from bugflow.domain.accounts import Action, Actor
from bugflow.schemas.channels import ChannelCreate, ChannelPatch, ChannelRead
from bugflow.services import channels

v1 = APIRouter(prefix="/channels", tags=["notifications"])

Manager = Annotated[Actor, Depends(May(Action.MANAGE_CHANNELS))]


@v1.get("")
def list_channels(actor: Self, session: ReadSession) -> list[ChannelRead]:
    """The own channels; for project managers also those of teams."""
    return channels.list_channels(session, actor)


@v1.post("", status_code=status.HTTP_201_CREATED)
def add_channel(body: ChannelCreate, actor: Self, session: WriteSession, runtime: RuntimeDep, now: Now) -> ChannelRead:
    """Add a channel of one's own; a project manager may add one of a team. Its address is never shown again."""
    return channels.add_channel(session, runtime.notifier, actor=actor, body=body, now=now)


@v1.patch("/{channel_id}")
def change_channel(
    channel_id: RowId, body: ChannelPatch, actor: Manager, session: WriteSession, now: Now
) -> ChannelRead:
    return channels.change_channel(session, channel_id, actor=actor, body=body, now=now)


@v1.delete("/{channel_id}", status_code=status.HTTP_204_NO_CONTENT)
def remove_channel(channel_id: RowId, actor: Manager, session: WriteSession, now: Now) -> None:
    channels.remove_channel(session, channel_id, actor=actor, now=now)


@v1.post("/{channel_id}/test", status_code=status.HTTP_202_ACCEPTED)
def test_channel(channel_id: RowId, actor: Manager, session: WriteSession, now: Now) -> ChannelRead:
    """Let a worker send a test message; how it went is then to be read in the channel."""
    return channels.test_channel(session, channel_id, actor=actor, now=now)
