"""Pages of lists."""

from typing import Generic, TypeVar

from bugflow.schemas.base import Read

Item = TypeVar("Item")


class Page(Read, Generic[Item]):
    """One page of a list, newest position kept by `next_cursor` (keyset: stable while rows are added).

    Attributes:
        total: Only where it was asked for.
    """

    items: list[Item]
    next_cursor: str | None = None
    total: int | None = None
