"""The audit log on the wire."""

from typing import Any

from bugflow.schemas.base import Moment, Read
from bugflow.schemas.pages import Page


class AuditRead(Read):
    number: int
    at: Moment
    actor_id: int | None
    action: str
    subject: str
    details: dict[str, Any]
    previous_hash: str
    hash: str


class AuditVerdict(Read):
    """Whether the chain holds.

    Attributes:
        problem: The first thing found wrong, in words.
        head: Hash of the last entry; write it down elsewhere to prove later that nothing was rewritten since.
    """

    ok: bool
    n_entries: int
    head: str
    problem: str | None


AuditPage = Page[AuditRead]
