"""The audit log's hash chain: each entry carries the hash of the one before it."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

GENESIS = "0" * 64
"""What the first entry points to."""


class AuditAction(StrEnum):
    BUG_REPORTED = "bug.reported"
    BUG_CHANGED = "bug.changed"
    BUG_CORRECTED = "bug.corrected"
    BUG_PINNED = "bug.pinned"
    BUG_UNPINNED = "bug.unpinned"
    BUG_COMMENTED = "bug.commented"
    BUG_LINKED = "bug.linked"
    BUG_SPLIT = "bug.split"
    COMMENT_CHANGED = "comment.changed"
    ATTACHMENT_ADDED = "attachment.added"
    ATTACHMENT_REMOVED = "attachment.removed"
    BUGS_IMPORTED = "bugs.imported"
    USER_CREATED = "user.created"
    USER_CHANGED = "user.changed"
    USER_ERASED = "user.erased"
    PASSWORD_CHANGED = "user.password_changed"  # noqa: S105 - a name, no password
    SIGNED_IN = "user.signed_in"
    SIGN_IN_FAILED = "user.sign_in_failed"
    SIGNED_OUT = "user.signed_out"
    TEAM_CREATED = "team.created"
    TEAM_CHANGED = "team.changed"
    PROJECT_CREATED = "project.created"
    PROJECT_CHANGED = "project.changed"
    CHANNEL_ADDED = "channel.added"
    CHANNEL_CHANGED = "channel.changed"
    CHANNEL_REMOVED = "channel.removed"
    RETRAINING_REQUESTED = "retraining.requested"
    RETRAINING_CANCELLED = "retraining.cancelled"
    MODEL_REGISTERED = "model.registered"
    MODEL_PROMOTED = "model.promoted"
    MODEL_ROLLED_BACK = "model.rolled_back"
    PROMISE_CHANGED = "promise.changed"
    EXPERIMENT_STARTED = "experiment.started"
    EXPERIMENT_ENDED = "experiment.ended"


def hash_entry(
    *,
    number: int,
    at: datetime,
    actor_id: int | None,
    action: str,
    subject: str,
    details: Mapping[str, Any],
    previous_hash: str,
) -> str:
    """SHA-256 of an entry as canonical JSON, hex; changing any part of it, or its place, changes the hash."""
    body = {
        "number": number,
        "at": at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor_id": actor_id,
        "action": action,
        "subject": subject,
        "details": details,
        "previous_hash": previous_hash,
    }
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()
