"""Channels on the wire. The address goes in and never comes out."""

from typing import Annotated

from pydantic import Field, SecretStr

from bugflow.domain.channels import ChannelKind, Rhythm
from bugflow.domain.notifications import NotificationKind
from bugflow.schemas.base import Body, Moment, Name, Read, Storable

Wanted = Annotated[list[NotificationKind], Field(max_length=20)]
ChannelName = Annotated[str, Field(max_length=80), Storable]


class ChannelCreate(Body):
    """A new channel of one's own, or of a team.

    Attributes:
        address: An e-mail address; the address of a web hook of Slack, Teams (Workflows) or Discord as it is shown
            there; or an address of Apprise (`mmosts://…`, `tgram://…`, `ntfys://…`, `mailtos://…`, `jsons://…`).
        wanted: Which kinds of notification; all that the owner can get when left out, none lets the channel rest.
    """

    address: Annotated[SecretStr, Field(min_length=3, max_length=2000)]
    name: ChannelName = ""
    team: Name | None = None
    wanted: Wanted | None = None
    rhythm: Rhythm = Rhythm.AT_ONCE


class ChannelPatch(Body):
    """Only the fields that are sent change. Another address is another channel."""

    name: ChannelName | None = None
    wanted: Wanted | None = None
    rhythm: Rhythm | None = None


class ChannelRead(Read):
    """A channel and how it fares.

    Attributes:
        shown: The address without its secrets.
        problem: Why the last attempt failed; null once one worked.
        failing_since: When the attempts began to fail.
        n_waiting: What is not delivered yet, digests that are not due among it.
        n_given_up: What nobody took for a day.
        is_testing: Whether a test message is on its way.
    """

    id: int
    kind: ChannelKind
    name: str
    shown: str
    team: str | None
    wanted: list[NotificationKind]
    rhythm: Rhythm
    created_at: Moment
    delivered_at: Moment | None
    problem: str | None
    failing_since: Moment | None
    n_waiting: int
    n_given_up: int
    is_testing: bool
