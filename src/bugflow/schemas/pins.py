"""Pinned bugs on the wire."""

from bugflow.domain.predictions import Task
from bugflow.schemas.base import Body, Id, Moment, Named, Read, ShortText
from bugflow.schemas.pages import Page


class PinCreate(Body):
    """Which field of which bug every later model must get right, and why."""

    bug_id: Id
    task: Task
    reason: ShortText | None = None


class PinRead(Read):
    """A pinned bug.

    Attributes:
        label: What people call it now, and what a model is held to.
    """

    bug_id: int
    title: str
    task: Task
    label: str
    reason: str | None
    actor: Named
    created_at: Moment


PinPage = Page[PinRead]
