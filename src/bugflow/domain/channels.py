"""Channels: the ways in which people are told outside of BugFlow, when, and how often it is tried."""

from datetime import datetime, timedelta
from enum import StrEnum

from bugflow.domain.notifications import NotificationKind

MAX_CHANNELS = 20  # of one person or team; each is one more message for every event

TOGETHER_AFTER = timedelta(hours=1)
"""What waited longer, because the receiver was down, comes as one message: nobody reads fifty at once."""

GIVE_UP_AFTER = timedelta(days=1)
"""A message that nobody took for a day is old news; mail servers give up after four to five (RFC 5321, 4.5.4.1)."""

FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=1)  # so that a receiver that is back is noticed within the hour

EVENTS_A_MESSAGE = 100  # beyond it a digest is a second message


class ChannelKind(StrEnum):
    EMAIL = "email"
    SLACK = "slack"
    TEAMS = "teams"
    DISCORD = "discord"
    MATTERMOST = "mattermost"
    TELEGRAM = "telegram"
    NTFY = "ntfy"
    WEBHOOK = "webhook"


class Rhythm(StrEnum):
    """When one is told."""

    AT_ONCE = "at_once"
    HOURLY = "hourly"
    DAILY = "daily"


class DeliveryState(StrEnum):
    WAITING = "waiting"
    SENT = "sent"
    GIVEN_UP = "given_up"


TEAM_KINDS = (NotificationKind.TEAM, NotificationKind.MOVED, NotificationKind.COMMENTED, NotificationKind.CORRECTED)
"""What a team is told of; the others are said to one person."""


def told_up_to(rhythm: Rhythm, now: datetime, *, daily_hour: int) -> datetime:
    """What happened up to this moment is due.

    Args:
        now: In UTC.
        daily_hour: The hour of the day, in UTC, at which daily digests go out.
    """
    if rhythm is Rhythm.AT_ONCE:
        return now
    hour = now.replace(minute=0, second=0, microsecond=0)
    if rhythm is Rhythm.HOURLY:
        return hour
    today = hour.replace(hour=daily_hour)
    return today if today <= now else today - timedelta(days=1)


def pause_after(n_failures: int) -> timedelta:
    """How long to wait after that many failures in a row: half a minute, one, two, four, … an hour."""
    return min(FIRST_PAUSE * (1 << min(n_failures - 1, 10)), LONGEST_PAUSE)
