"""The hash of an audit entry depends on every part of it and on nothing else."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from bugflow.domain.audit import GENESIS, AuditAction, hash_entry

ENTRY: dict[str, Any] = {
    "number": 7,
    "at": datetime(2026, 3, 2, 9, 0, 0, 5, tzinfo=UTC),
    "actor_id": 3,
    "action": AuditAction.BUG_CHANGED,
    "subject": "bug:12",
    "details": {"fields": ["status"], "team": "Größe"},
    "previous_hash": GENESIS,
}


def test_the_hash_is_what_it_was_when_logs_were_first_written() -> None:
    assert hash_entry(**ENTRY) == "5dbe999d0a87ef5051ddbbfb0efcf824630c5daf3d7c6e8452c0031cef61421e"


@pytest.mark.parametrize(
    "change",
    [
        {"number": 8},
        {"at": ENTRY["at"] + timedelta(microseconds=1)},
        {"actor_id": None},
        {"action": AuditAction.BUG_REPORTED},
        {"subject": "bug:13"},
        {"details": {"fields": ["team"], "team": "Größe"}},
        {"details": {}},
        {"previous_hash": "1" * 64},
    ],
)
def test_any_change_changes_the_hash(change: dict[str, Any]) -> None:
    assert hash_entry(**{**ENTRY, **change}) != hash_entry(**ENTRY)


def test_the_order_of_details_and_the_time_zone_do_not_matter() -> None:
    same = {
        "details": dict(reversed(ENTRY["details"].items())),
        "at": ENTRY["at"].astimezone(timezone(timedelta(hours=5, minutes=30))),
    }
    assert hash_entry(**{**ENTRY, **same}) == hash_entry(**ENTRY)
