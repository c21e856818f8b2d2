"""What can be chosen when data is prepared."""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from bugflow.domain.predictions import Task
from bugflow.errors import InvalidFilter

KEYWORDS = "keywords"


class Split(StrEnum):
    """How reports are shared out."""

    STRATIFIED = "stratified"
    TIME = "time"


class Sampling(StrEnum):
    """How `--sample` chooses."""

    STRATIFIED = "stratified"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Options:
    """How to prepare.

    Attributes:
        label_columns: Task to the column that holds its labels; empty: both tasks by the keyword rules.
        sample: How many reports to keep at most; None keeps all.
        sampling: Whether the sample keeps the shares of the labels exactly or only on average.
        split: By label, or by the time of filing.
        near_duplicates: Whether texts that nearly repeat an earlier one go.
        seed: Another seed, another sample and another split.
    """

    label_columns: dict[str, str] = field(default_factory=dict)
    sample: int | None = None
    sampling: Sampling = Sampling.STRATIFIED
    split: Split = Split.STRATIFIED
    near_duplicates: bool = True
    seed: int = 0

    @property
    def by_keywords(self) -> bool:
        return not self.label_columns

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def parse_labels(given: list[str]) -> dict[str, str]:
    """`keywords`, or columns: `severity`, `team`, `severity=priority`, `team=component`."""
    if given == [KEYWORDS]:
        return {}
    columns: dict[str, str] = {}
    for part in (part for text in given for part in text.split(",")):
        task, _, column = part.strip().partition("=")
        if task not in set(Task) or task in columns:
            choices = "keywords; or severity, team, severity=COLUMN, team=COLUMN, each once"
            raise InvalidFilter(field="--labels", value=part, choices=choices)
        columns[task] = column or task
    return columns
