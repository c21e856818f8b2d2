"""From a row of another tracker to a bug of ours, or to the reason why not."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, TypeVar

from bugflow.domain.bugs import MAX_DESCRIPTION_CHARACTERS, MAX_TITLE_CHARACTERS, Status, title_of
from bugflow.domain.imports import ALIASES, FIELDS, SEVERITY_WORDS, STATUS_WORDS, status_of_resolution
from bugflow.domain.predictions import Severity
from bugflow.errors import InvalidFilter, UnknownLabel

Label = TypeVar("Label", Severity, Status)


class BadRowError(Exception):
    """Why a row is not taken, in words for the person who imports."""


@dataclass(frozen=True, slots=True)
class ReadBug:
    """A row that was understood.

    Attributes:
        severity, team: None where the row names none: the machine's to predict.
        reporter, assigned_to: User names as the file has them.
    """

    line: int
    external_id: str
    title: str
    description: str
    project: str
    severity: Severity | None
    team: str | None
    status: Status
    created_at: datetime
    resolved_at: datetime | None
    reporter: str | None
    assigned_to: str | None


@dataclass(frozen=True, slots=True)
class RowMapping:
    """How rows are read: which column is which field, and what its words mean.

    Attributes:
        team_names: Lower-case name to name, active teams only.
        retired_projects: Lower-case names of projects that take no bugs.
    """

    columns: Mapping[str, str]
    severities: Mapping[str, Severity]
    statuses: Mapping[str, Status]
    team_names: Mapping[str, str]
    default_project: str
    now: datetime
    retired_projects: frozenset[str] = frozenset()


def map_columns(columns: Sequence[str], given: Mapping[str, str]) -> dict[str, str]:
    """Which column is read as which field: as told, else by name.

    Args:
        given: Field to column; an empty column leaves the field out.

    Raises:
        InvalidFilter: A field or column is named that does not exist, or neither a title nor a description was found.
    """
    for field, column in given.items():
        if field not in FIELDS:
            raise InvalidFilter(field="--map", value=field, choices=", ".join(FIELDS))
        if column and column not in columns:
            raise InvalidFilter(field=f"--map {field}", value=column, choices=", ".join(columns))
    by_name = {column.strip().lower(): column for column in reversed(columns)}
    found = {field: by_name[alias] for field in FIELDS for alias in reversed(ALIASES[field]) if alias in by_name}
    found |= given
    mapped = {field: column for field, column in found.items() if column}
    if not {"title", "description"} & set(mapped):
        raise InvalidFilter(field="--map title=COLUMN", value="(nothing)", choices=", ".join(columns))
    return mapped


def map_severities(given: Mapping[str, str]) -> dict[str, Severity]:
    """The severity words of known trackers and those that the person explained.

    Raises:
        UnknownLabel: A word was mapped to what is no severity.
    """
    return SEVERITY_WORDS | _explained("--map-severity", given, Severity)


def map_statuses(given: Mapping[str, str]) -> dict[str, Status]:
    """The status words of known trackers and those that the person explained.

    Raises:
        UnknownLabel: A word was mapped to what is no status.
    """
    return STATUS_WORDS | _explained("--map-status", given, Status)


def _explained(option: str, given: Mapping[str, str], labels: type[Label]) -> dict[str, Label]:
    for label in given.values():
        if label not in list(labels):
            raise UnknownLabel(field=option, label=label, labels=", ".join(labels))
    return {word.strip().lower(): labels(label) for word, label in given.items()}


def read_bug(line: int, values: Mapping[str, Any], mapping: RowMapping) -> ReadBug:
    """Understand one row.

    Raises:
        BadRowError: Why it cannot be taken.
    """
    raw = {field: values.get(column) for field, column in mapping.columns.items()}
    try:
        text = {field: _text(raw.get(field)) for field in FIELDS}
        external_id = text["id"][:200] or _digest(values)
    except RecursionError:
        raise BadRowError("it is nested too deeply") from None
    description = text["description"] or text["title"]
    if not description:
        raise BadRowError("it has neither a title nor a description")
    title = text["title"] or title_of(description)
    if len(title) > MAX_TITLE_CHARACTERS:
        description = f"{title}\n\n{description}"  # a cut title must not lose words
        title = title_of(title)
    if len(description) > MAX_DESCRIPTION_CHARACTERS:
        raise BadRowError(
            f"its description has {len(description):,} characters, at most {MAX_DESCRIPTION_CHARACTERS:,}"
        )
    return ReadBug(
        line=line,
        external_id=external_id,
        title=title,
        description=description,
        project=_project(text["project"], mapping),
        severity=_severity(text["severity"], mapping),
        team=_team(text["team"], mapping),
        status=_status(text["status"], text["resolution"], mapping),
        created_at=_moment(raw.get("created_at"), "created_at") or mapping.now,
        resolved_at=_moment(raw.get("resolved_at"), "resolved_at"),
        reporter=text["reporter"].casefold() or None,
        assigned_to=text["assigned_to"].casefold() or None,
    )


def _text(value: Any) -> str:
    """A value as storable text: no NUL, no lone surrogates."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode().strip()


def _digest(values: Mapping[str, Any]) -> str:
    """A row without an id is known by its content, so that a second import does not add it again."""
    canonical = json.dumps(values, default=str, sort_keys=True).encode("utf-8", "replace")
    return "sha256:" + hashlib.sha256(canonical).hexdigest()


def _project(text: str, mapping: RowMapping) -> str:
    name = " ".join(text.split())[:80].strip() or mapping.default_project
    if name.lower() in mapping.retired_projects:
        raise BadRowError(f"its project '{name}' was retired; bring it back or give the row another")
    return name


def _severity(word: str, mapping: RowMapping) -> Severity | None:
    if not word:
        return None
    try:
        return mapping.severities[word.lower()]
    except KeyError:
        raise BadRowError(f"its severity '{word[:40]}' is unknown; say --map-severity '{word[:40]}=high'") from None


def _team(word: str, mapping: RowMapping) -> str | None:
    if not word:
        return None
    try:
        return mapping.team_names[word.lower()]
    except KeyError:
        known = ", ".join(mapping.team_names.values())
        raise BadRowError(
            f"there is no active team '{word[:40]}' (there are {known}); create it or fix the row"
        ) from None


def _status(word: str, resolution: str, mapping: RowMapping) -> Status:
    if not word:
        return status_of_resolution(resolution.lower()) if resolution else Status.OPEN
    try:
        return mapping.statuses[word.lower()]
    except KeyError:
        raise BadRowError(f"its status '{word[:40]}' is unknown; say --map-status '{word[:40]}=resolved'") from None


def _moment(value: Any, field: str) -> datetime | None:
    """A moment in UTC; one without a zone is taken as UTC."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, str):
        text = _text(value)
        try:
            value = datetime.fromisoformat(text)
        except ValueError:
            raise BadRowError(f"its {field} '{text[:40]}' is no moment; use ISO 8601, 2026-03-14T09:26:53Z") from None
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if not isinstance(value, datetime):
        raise BadRowError(f"its {field} is no moment; use ISO 8601, 2026-03-14T09:26:53Z")
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        raise BadRowError(f"its {field} {value.isoformat()} is outside the calendar") from None
