"""Notifications on the wire."""

from pydantic import Field

from bugflow.domain.notifications import NotificationKind
from bugflow.schemas.base import Body, Id, Moment, Named, Read
from bugflow.schemas.pages import Page


class NotificationRead(Read):
    """What somebody is told.

    Attributes:
        bug_id: The bug it is of; null where it is of none.
        said: What happened, where it is of no bug.
    """

    id: int
    kind: NotificationKind
    bug_id: int | None
    bug_title: str | None
    said: str | None
    actor: Named | None
    created_at: Moment
    read_at: Moment | None


class NotificationsSeen(Body):
    """Which notifications were read; without `ids` all of them."""

    ids: list[Id] | None = Field(None, max_length=1000)


class NotificationCount(Read):
    n_unread: int


NotificationPage = Page[NotificationRead]
