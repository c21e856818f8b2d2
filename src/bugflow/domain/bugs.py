"""What a bug is and how it may move."""

from enum import StrEnum

from bugflow.errors import IllegalMove


class Status(StrEnum):
    """Where a bug stands."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"
    RESOLVED = "resolved"


MOVES: dict[Status, tuple[Status, ...]] = {
    Status.OPEN: (Status.IN_PROGRESS,),
    Status.IN_PROGRESS: (Status.RESOLVED, Status.OPEN),
    Status.RESOLVED: (Status.OPEN,),
}
"""From each status, where a bug may go next."""


def moves_between(old: Status, new: Status) -> list[Status]:
    """The fewest moves that lead from one status to another, the last of them to it; none where it is the same."""
    ways: list[list[Status]] = [[]]
    while True:
        for way in ways:
            if (way[-1] if way else old) is new:
                return way
        ways = [[*way, status] for way in ways for status in MOVES[way[-1] if way else old]]


class SetBy(StrEnum):
    """Who set a value: what a person set, the machine never changes."""

    MACHINE = "machine"
    PERSON = "person"


class EventKind(StrEnum):
    """What can happen to a bug; each happening is one row of its history, never changed."""

    REPORTED = "reported"
    IMPORTED = "imported"
    CHANGED = "changed"
    CORRECTED = "corrected"
    CONFIRMED = "confirmed"
    COMMENTED = "commented"
    ATTACHED = "attached"
    DETACHED = "detached"
    LINKED = "linked"
    SPLIT = "split"


def check_move(old: Status, new: Status) -> None:
    """Let a legal move pass.

    Raises:
        IllegalMove: The flow does not lead from `old` to `new`.
    """
    if new not in MOVES[old]:
        raise IllegalMove(old=old, new=new, allowed=", ".join(MOVES[old]))


MAX_TITLE_CHARACTERS = 300
MAX_DESCRIPTION_CHARACTERS = 100_000
"""A pasted log of 100 kB still fits; what is longer belongs in an attachment."""


def title_of(description: str) -> str:
    """The first line that says something, cut at a word: the title of a report that came without one."""
    line = next((line.strip() for line in description.splitlines() if line.strip()), description.strip())
    if len(line) <= 100:
        return line
    head = line[:99]
    return (head.rsplit(" ", 1)[0] if " " in head[50:] else head) + "…"
