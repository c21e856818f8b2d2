"""What people are told about."""

from enum import StrEnum


class NotificationKind(StrEnum):
    ASSIGNED = "assigned"  # a bug is now yours
    TEAM = "team"  # a bug came to your team
    MOVED = "moved"  # a bug you reported or work on has a new status
    COMMENTED = "commented"
    CORRECTED = "corrected"  # severity or team of your bug was corrected
    REVIEW = "review"  # the machine thinks that it may be critical, which a PM must confirm
