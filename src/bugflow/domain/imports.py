"""What other trackers call things, and what BugFlow calls them."""

from bugflow.domain.bugs import Status
from bugflow.domain.predictions import Severity

FIELDS = (
    "id", "title", "description", "project", "severity", "team", "status", "resolution", "created_at", "resolved_at",
    "reporter", "assigned_to",
)  # fmt: skip
"""What a column can be imported as."""

ALIASES: dict[str, tuple[str, ...]] = {
    "id": ("id", "key", "issue_id", "bug_id", "issue key", "number"),
    "title": ("title", "summary", "short_desc", "subject"),
    "description": ("description", "body", "text", "long_desc"),
    "project": ("project", "product", "repository", "repo"),
    "severity": ("severity", "priority"),
    "team": ("team",),
    "status": ("status", "state"),
    "resolution": ("resolution",),
    "created_at": ("created_at", "created", "creation_ts", "creation_date", "opened", "date"),
    "resolved_at": ("resolved_at", "resolved", "closed_at", "resolutiondate"),
    "reporter": ("reporter", "author", "creator", "reported_by"),
    "assigned_to": ("assigned_to", "assignee", "owner"),
}
"""Names of columns that are understood without being told, the likeliest first."""

SEVERITY_WORDS: dict[str, Severity] = {
    **{severity.value: severity for severity in Severity},
    "blocker": Severity.CRITICAL,
    "urgent": Severity.CRITICAL,
    "highest": Severity.CRITICAL,
    "s1": Severity.CRITICAL,
    "p0": Severity.CRITICAL,
    "major": Severity.HIGH,
    "s2": Severity.HIGH,
    "p1": Severity.HIGH,
    "normal": Severity.MEDIUM,
    "moderate": Severity.MEDIUM,
    "s3": Severity.MEDIUM,
    "p2": Severity.MEDIUM,
    "minor": Severity.LOW,
    "trivial": Severity.LOW,
    "lowest": Severity.LOW,
    "enhancement": Severity.LOW,
    "s4": Severity.LOW,
    "p3": Severity.LOW,
    "p4": Severity.LOW,
}
"""Bugzilla's, Jira's and the usual letters; what is not here is mapped by `--map-severity` or is a bad row."""

OPEN_WORDS = ("new", "unconfirmed", "reopened", "todo", "to do", "backlog", "unresolved", "hold", "none", "---")

STATUS_WORDS: dict[str, Status] = {
    **{status.value: status for status in Status},
    **dict.fromkeys(OPEN_WORDS, Status.OPEN),
    **dict.fromkeys(("assigned", "started", "in progress", "in review", "doing"), Status.IN_PROGRESS),
    **dict.fromkeys(
        (
            "closed",
            "done",
            "fixed",
            "verified",
            "duplicate",
            "wontfix",
            "won't fix",
            "invalid",
            "worksforme",
            "completed",
        ),
        Status.RESOLVED,
    ),
}
"""Statuses of Bugzilla, Jira and GitHub; what is not here is mapped by `--map-status` or is a bad row."""


def status_of_resolution(word: str) -> Status:
    """Trackers invent resolutions freely; whatever one says, the bug is resolved, unless it says that it is not."""
    return STATUS_WORDS[word] if word in (*OPEN_WORDS, "open") else Status.RESOLVED
