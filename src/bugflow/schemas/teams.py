"""Teams and projects on the wire."""

from bugflow.schemas.base import Body, Moment, Name, Read, ShortText


class TagCreate(Body):
    """A new team or project."""

    name: Name
    description: ShortText = ""


class TagPatch(Body):
    """Only the fields that are sent change. A renamed team keeps its bugs; an inactive one is not offered any more."""

    name: Name | None = None
    description: ShortText | None = None
    is_active: bool | None = None


class TagRead(Read):
    """A team or project."""

    id: int
    name: str
    description: str
    is_active: bool
    created_at: Moment
