"""What people are told about."""

from enum import StrEnum

from bugflow.domain.accounts import Role
from bugflow.domain.bugs import Status
from bugflow.domain.predictions import Severity


class NotificationKind(StrEnum):
    ASSIGNED = "assigned"  # a bug is now yours
    TEAM = "team"  # a bug came to your team
    MOVED = "moved"  # a bug you reported or work on has a new status
    COMMENTED = "commented"
    CORRECTED = "corrected"  # severity or team of your bug was corrected
    REVIEW = "review"  # the machine thinks that it may be critical, which a PM must confirm
    MODEL = "model"  # a retraining or a comparison of models ended; of no bug


PM_KINDS = frozenset({NotificationKind.REVIEW, NotificationKind.MODEL})
"""What only project managers are told."""


def kinds_for(role: Role) -> tuple[NotificationKind, ...]:
    """What somebody can be told of."""
    return tuple(kind for kind in NotificationKind if role is Role.PM or kind not in PM_KINDS)


def say(kind: NotificationKind, *, who: str, status: Status, severity: Severity, team: str) -> str:
    """What happened to a bug, as a sentence to whom it concerns; status, severity and team are as they are now.

    Raises:
        KeyError: The kind is of no bug.
    """
    return {
        NotificationKind.ASSIGNED: f"{who} assigned it to you.",
        NotificationKind.TEAM: f"It came to the team {team}: severity {severity}, from {who}.",
        NotificationKind.MOVED: f"{who} moved it; it is {status.value.replace('_', ' ')} now.",
        NotificationKind.COMMENTED: f"{who} commented on it.",
        NotificationKind.CORRECTED: f"{who} corrected its triage: severity {severity}, team {team}.",
        NotificationKind.REVIEW: "It may be critical. A project manager has to confirm or change that.",
    }[kind]
