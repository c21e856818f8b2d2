"""What people say about predictions."""

from enum import StrEnum


class FeedbackKind(StrEnum):
    """A word of a person on one predicted field; the newest word wins, the history keeps all."""

    CORRECTION = "correction"  # a PM changed it
    CONFIRMATION = "confirmation"  # a PM agreed
    OVERRIDE = "override"  # the reporter chose otherwise while reporting


NO_CHANGE = "No Change"
"""What the requirements document's form sends for a field that is left alone."""


def kind_of(*, predicted: str, label: str) -> FeedbackKind:
    """A PM who sets what the machine had said agrees with it."""
    return FeedbackKind.CONFIRMATION if label == predicted else FeedbackKind.CORRECTION
