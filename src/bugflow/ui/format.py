"""How values read: names of statuses and kinds, shares, sizes, relative time."""

from datetime import UTC, datetime, timedelta

from babel.dates import format_date, format_datetime, format_timedelta
from babel.numbers import format_decimal

from bugflow.domain.accounts import Role
from bugflow.domain.bugs import EventKind, Status
from bugflow.domain.channels import ChannelKind, Rhythm
from bugflow.domain.drift import Drift
from bugflow.domain.experiments import ExperimentKind
from bugflow.domain.feedback import FeedbackKind
from bugflow.domain.notifications import NotificationKind
from bugflow.domain.predictions import Decision, Severity, Source, Task
from bugflow.domain.registry import RunState, Stage, Trigger
from bugflow.ui.language import Names, gettext, locale, mark

STATUS_NAMES = Names(
    {Status.OPEN: mark("Open"), Status.IN_PROGRESS: mark("In progress"), Status.RESOLVED: mark("Resolved")}
)
SEVERITY_NAMES = Names(
    {
        Severity.LOW: mark("Low"),
        Severity.MEDIUM: mark("Medium"),
        Severity.HIGH: mark("High"),
        Severity.CRITICAL: mark("Critical"),
    }
)
TASK_NAMES = Names({Task.SEVERITY: mark("Severity"), Task.TEAM: mark("Team")})
ROLE_NAMES = Names({Role.TESTER: mark("Tester"), Role.DEVELOPER: mark("Developer"), Role.PM: mark("Project manager")})
MOVE_NAMES = Names(
    {Status.OPEN: mark("Move to open"), Status.IN_PROGRESS: mark("Start work"), Status.RESOLVED: mark("Resolve")}
)
MOVE_ICONS = {
    Status.OPEN: ":material/undo:",
    Status.IN_PROGRESS: ":material/play_arrow:",
    Status.RESOLVED: ":material/check:",
}
EVENT_NAMES = Names(
    {
        EventKind.REPORTED: mark("Reported"),
        EventKind.IMPORTED: mark("Imported"),
        EventKind.CHANGED: mark("Changed"),
        EventKind.CORRECTED: mark("Corrected"),
        EventKind.CONFIRMED: mark("Confirmed"),
        EventKind.COMMENTED: mark("Commented"),
        EventKind.ATTACHED: mark("File attached"),
        EventKind.DETACHED: mark("File removed"),
        EventKind.LINKED: mark("Marked as a duplicate"),
        EventKind.SPLIT: mark("No longer a duplicate"),
    }
)
SOURCE_NAMES = Names({Source.RULES: mark("keyword rules"), Source.MEMORY: mark("a correction of a bug like this")})
STAGE_NAMES = Names(
    {Stage.CANDIDATE: mark("Candidate"), Stage.CHAMPION: mark("Answers"), Stage.RETIRED: mark("Retired")}
)
EXPERIMENT_NAMES = Names(
    {
        ExperimentKind.SHADOW: mark("Silently"),
        ExperimentKind.AB: mark("Half and half"),
        ExperimentKind.PROBATION: mark("Probation"),
    }
)
TRIGGER_NAMES = Names(
    {
        Trigger.CORRECTIONS: mark("Enough was corrected"),
        Trigger.SCHEDULE: mark("On schedule"),
        Trigger.MANUAL: mark("By hand"),
    }
)
DRIFT_NAMES = Names(
    {
        Drift.UNKNOWN: mark("too few reports to tell"),
        Drift.STEADY: mark("steady"),
        Drift.MOVED: mark("moved"),
        Drift.FAR: mark("far"),
    }
)
RUN_NAMES = Names(
    {
        RunState.QUEUED: mark("Waiting"),
        RunState.RUNNING: mark("Running"),
        RunState.PROMOTED: mark("Promoted"),
        RunState.PASSED: mark("Passed"),
        RunState.REFUSED: mark("Refused"),
        RunState.CANCELLED: mark("Cancelled"),
        RunState.FAILED: mark("Failed"),
    }
)
FIELD_NAMES = Names(
    {
        "status": mark("Status"),
        "severity": mark("Severity"),
        "team": mark("Team"),
        "project": mark("Project"),
        "title": mark("Title"),
        "description": mark("Description"),
        "assigned_to": mark("Assigned to"),
        "attachment": mark("File"),
    }
)
NOTIFICATION_NAMES = Names(
    {
        NotificationKind.ASSIGNED: mark("Assigned to you"),
        NotificationKind.TEAM: mark("Came to your team"),
        NotificationKind.MOVED: mark("Status changed"),
        NotificationKind.COMMENTED: mark("New comment"),
        NotificationKind.CORRECTED: mark("Prediction corrected"),
        NotificationKind.REVIEW: mark("Needs a decision"),
        NotificationKind.MODEL: mark("News of the models"),
    }
)
CHANNEL_NAMES = Names(
    {
        ChannelKind.EMAIL: mark("E-mail"),
        ChannelKind.SLACK: mark("Slack"),
        ChannelKind.TEAMS: mark("Microsoft Teams"),
        ChannelKind.DISCORD: mark("Discord"),
        ChannelKind.MATTERMOST: mark("Mattermost"),
        ChannelKind.TELEGRAM: mark("Telegram"),
        ChannelKind.NTFY: mark("ntfy"),
        ChannelKind.WEBHOOK: mark("Web hook"),
    }
)
RHYTHM_NAMES = Names(
    {Rhythm.AT_ONCE: mark("At once"), Rhythm.HOURLY: mark("Every hour"), Rhythm.DAILY: mark("Once a day")}
)
FEEDBACK_NAMES = Names(
    {
        FeedbackKind.CORRECTION: mark("Corrected"),
        FeedbackKind.CONFIRMATION: mark("Confirmed"),
        FeedbackKind.OVERRIDE: mark("Overridden by the reporter"),
    }
)
DECISION_NAMES = Names(
    {Decision.AUTO: mark("Sure"), Decision.SUGGEST: mark("Suggestion"), Decision.ASK: mark("Not sure")}
)


NARROW = "\N{NARROW NO-BREAK SPACE}"
DASH = "\N{EN DASH}"


def label_name(label: str) -> str:
    """A severity or team as people read it."""
    return SEVERITY_NAMES[Severity(label)] if label in set(Severity) else label


def percent(share: float | None) -> str:
    """0.413 as "41 %". What is not quite certain is never shown as 100 %, what is not impossible never as 0 %."""
    if share is None:
        return DASH
    whole = round(share * 100)
    if whole == 100 and share < 1:
        return f">99{NARROW}%"
    if whole == 0 and share > 0:
        return f"<1{NARROW}%"
    return f"{whole}{NARROW}%"


def sureness(confidence: float) -> str:
    """A calibrated probability in a word."""
    for bar, word in ((0.9, mark("very sure")), (0.75, mark("fairly sure")), (0.5, mark("leaning"))):
        if confidence >= bar:
            return gettext(word)
    return gettext("not sure")


def shares(top: list[tuple[str, float]]) -> str:
    """Labels with their shares: "Backend 41 %, DevOps 38 %"."""
    return ", ".join(f"{label_name(label)} {percent(share)}" for label, share in top)


def ago(moment: datetime, *, now: datetime | None = None) -> str:
    """How long ago, to the largest unit; beyond a month the date."""
    passed = (now or datetime.now(UTC)) - moment
    if passed < timedelta(seconds=45):
        return gettext("just now")
    if passed < timedelta(days=30):
        largest = max(passed, timedelta(minutes=1))
        return format_timedelta(-largest, threshold=1, add_direction=True, format="short", locale=locale())
    return format_date(moment, "medium", locale=locale())


def moment_text(moment: datetime) -> str:
    return f"{format_datetime(moment.astimezone(UTC), 'medium', locale=locale())} UTC"


def size_text(size_bytes: int) -> str:
    size = float(size_bytes)
    for unit in ("B", "kB", "MB"):
        if size < 1000 or unit == "MB":
            break
        size /= 1000
    exact = "#,##0" if unit == "B" or size >= 10 else "0.0"
    return f"{format_decimal(size, format=exact, locale=locale())}{NARROW}{unit}"


def hours_text(hours: float | None) -> str:
    if hours is None:
        return DASH
    if hours < 48:
        return f"{hours:.0f}{NARROW}h" if hours >= 1 else f"{hours * 60:.0f}{NARROW}min"
    return gettext("{n} d", n=f"{hours / 24:.0f}")


def initials(name: str) -> str:
    return "".join(word[0] for word in name.split()[:2]).upper() or "?"
