"""How values read: names of statuses and kinds, shares, sizes, relative time."""

from datetime import UTC, datetime

from bugflow.domain.accounts import Role
from bugflow.domain.bugs import EventKind, Status
from bugflow.domain.channels import ChannelKind, Rhythm
from bugflow.domain.drift import Drift
from bugflow.domain.experiments import ExperimentKind
from bugflow.domain.feedback import FeedbackKind
from bugflow.domain.notifications import NotificationKind
from bugflow.domain.predictions import Decision, Severity, Source, Task
from bugflow.domain.registry import RunState, Stage, Trigger

STATUS_NAMES = {Status.OPEN: "Open", Status.IN_PROGRESS: "In progress", Status.RESOLVED: "Resolved"}
SEVERITY_NAMES = {
    Severity.LOW: "Low",
    Severity.MEDIUM: "Medium",
    Severity.HIGH: "High",
    Severity.CRITICAL: "Critical",
}
TASK_NAMES = {Task.SEVERITY: "Severity", Task.TEAM: "Team"}
ROLE_NAMES = {Role.TESTER: "Tester", Role.DEVELOPER: "Developer", Role.PM: "Project manager"}
MOVE_NAMES = {Status.OPEN: "Move to open", Status.IN_PROGRESS: "Start work", Status.RESOLVED: "Resolve"}
MOVE_ICONS = {
    Status.OPEN: ":material/undo:",
    Status.IN_PROGRESS: ":material/play_arrow:",
    Status.RESOLVED: ":material/check:",
}
EVENT_NAMES = {
    EventKind.REPORTED: "Reported",
    EventKind.IMPORTED: "Imported",
    EventKind.CHANGED: "Changed",
    EventKind.CORRECTED: "Corrected",
    EventKind.CONFIRMED: "Confirmed",
    EventKind.COMMENTED: "Commented",
    EventKind.ATTACHED: "File attached",
    EventKind.DETACHED: "File removed",
    EventKind.LINKED: "Marked as a duplicate",
    EventKind.SPLIT: "No longer a duplicate",
}
SOURCE_NAMES = {Source.RULES: "keyword rules", Source.MEMORY: "a correction of a bug like this"}
STAGE_NAMES = {Stage.CANDIDATE: "Candidate", Stage.CHAMPION: "Answers", Stage.RETIRED: "Retired"}
EXPERIMENT_NAMES = {
    ExperimentKind.SHADOW: "Silently",
    ExperimentKind.AB: "Half and half",
    ExperimentKind.PROBATION: "Probation",
}
TRIGGER_NAMES = {
    Trigger.CORRECTIONS: "Enough was corrected",
    Trigger.SCHEDULE: "On schedule",
    Trigger.MANUAL: "By hand",
}
DRIFT_NAMES = {
    Drift.UNKNOWN: "too few reports to tell",
    Drift.STEADY: "steady",
    Drift.MOVED: "moved",
    Drift.FAR: "far",
}
RUN_NAMES = {
    RunState.QUEUED: "Waiting",
    RunState.RUNNING: "Running",
    RunState.PROMOTED: "Promoted",
    RunState.PASSED: "Passed",
    RunState.REFUSED: "Refused",
    RunState.CANCELLED: "Cancelled",
    RunState.FAILED: "Failed",
}
FIELD_NAMES = {
    "status": "Status",
    "severity": "Severity",
    "team": "Team",
    "project": "Project",
    "title": "Title",
    "description": "Description",
    "assigned_to": "Assigned to",
    "attachment": "File",
}
NOTIFICATION_NAMES = {
    NotificationKind.ASSIGNED: "Assigned to you",
    NotificationKind.TEAM: "Came to your team",
    NotificationKind.MOVED: "Status changed",
    NotificationKind.COMMENTED: "New comment",
    NotificationKind.CORRECTED: "Prediction corrected",
    NotificationKind.REVIEW: "Needs a decision",
}
CHANNEL_NAMES = {
    ChannelKind.EMAIL: "E-mail",
    ChannelKind.SLACK: "Slack",
    ChannelKind.TEAMS: "Microsoft Teams",
    ChannelKind.DISCORD: "Discord",
    ChannelKind.MATTERMOST: "Mattermost",
    ChannelKind.TELEGRAM: "Telegram",
    ChannelKind.NTFY: "ntfy",
    ChannelKind.WEBHOOK: "Web hook",
}
RHYTHM_NAMES = {Rhythm.AT_ONCE: "At once", Rhythm.HOURLY: "Every hour", Rhythm.DAILY: "Once a day"}
FEEDBACK_NAMES = {
    FeedbackKind.CORRECTION: "Corrected",
    FeedbackKind.CONFIRMATION: "Confirmed",
    FeedbackKind.OVERRIDE: "Overridden by the reporter",
}
DECISION_NAMES = {Decision.AUTO: "Sure", Decision.SUGGEST: "Suggestion", Decision.ASK: "Not sure"}

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
    for bar, word in ((0.9, "very sure"), (0.75, "fairly sure"), (0.5, "leaning")):
        if confidence >= bar:
            return word
    return "not sure"


def shares(top: list[tuple[str, float]]) -> str:
    """Labels with their shares: "Backend 41 %, DevOps 38 %"."""
    return ", ".join(f"{label_name(label)} {percent(share)}" for label, share in top)


def ago(moment: datetime, *, now: datetime | None = None) -> str:
    """How long ago, to the largest unit; beyond a month the date."""
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    if seconds < 45:
        return "just now"
    for limit, unit_seconds, unit in ((3600, 60, "min"), (86_400, 3600, "h"), (30 * 86_400, 86_400, "d")):
        if seconds < limit:
            return f"{max(1, round(seconds / unit_seconds))}{NARROW}{unit} ago"
    return moment.strftime("%Y-%m-%d")


def moment_text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def size_text(size_bytes: int) -> str:
    size = float(size_bytes)
    for unit in ("B", "kB", "MB"):
        if size < 1000 or unit == "MB":
            break
        size /= 1000
    return f"{size:.0f}{NARROW}{unit}" if unit == "B" or size >= 10 else f"{size:.1f}{NARROW}{unit}"


def hours_text(hours: float | None) -> str:
    if hours is None:
        return DASH
    if hours < 48:
        return f"{hours:.0f}{NARROW}h" if hours >= 1 else f"{hours * 60:.0f}{NARROW}min"
    return f"{hours / 24:.0f}{NARROW}d"


def initials(name: str) -> str:
    return "".join(word[0] for word in name.split()[:2]).upper() or "?"
