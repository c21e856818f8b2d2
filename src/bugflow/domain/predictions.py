"""What the machine says about a bug: predictions, their certainty, and what may be done with them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from bugflow.domain.duplicates import DuplicateCandidate, Fingerprint


class Severity(StrEnum):
    """How bad it is, in rising order."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for low to 3 for critical."""
        return list(Severity).index(self)


DEFAULT_TEAMS = ("Backend", "Frontend", "Mobile", "DevOps")
"""The teams of a new installation; an organisation may rename, retire and add."""


class Task(StrEnum):
    """The two fields of a bug that are predicted."""

    SEVERITY = "severity"
    TEAM = "team"


class Decision(StrEnum):
    """What the machine does with a prediction."""

    AUTO = "auto"  # sure enough to act
    SUGGEST = "suggest"  # shows its top labels, a person confirms
    ASK = "ask"  # too many labels are plausible: a person decides


class Source(StrEnum):
    """Who answered."""

    MODEL = "model"
    MEMORY = "memory"  # a person's correction of a bug that says nearly the same
    RULES = "rules"


@dataclass(frozen=True, slots=True)
class BugText:
    """The words of a report, as filed: what every prediction is made from."""

    title: str
    description: str
    project: str | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """One predicted field of a bug.

    Attributes:
        probabilities: Label to calibrated probability in [0, 1], in the task's label order; sums to 1.
        label: The label the machine would set. For severity the one of least expected ordinal cost, so not always
            the most probable one.
        model_version: Name of the artifact, `severity-1`; for rules `rules-1`.
    """

    task: Task
    label: str
    confidence: float
    probabilities: Mapping[str, float]
    decision: Decision
    source: Source
    model_version: str

    def top(self, n: int = 3) -> list[tuple[str, float]]:
        """The n most probable labels, most probable first."""
        return sorted(self.probabilities.items(), key=lambda item: -item[1])[:n]


@dataclass(frozen=True, slots=True)
class Assessment:
    """Everything the machine says about one bug.

    Attributes:
        duplicates: Most probable first; empty also where nobody asked for them.
        fingerprint: What is to be kept with the bug; None where the machine reads no words.
        silent: By experiment, what the model said that is not shown.
    """

    severity: Prediction
    team: Prediction
    duplicates: Sequence[DuplicateCandidate] = ()
    fingerprint: Fingerprint | None = None
    silent: Mapping[int, Prediction] = field(default_factory=dict)

    @property
    def predictions(self) -> tuple[Prediction, Prediction]:
        return (self.severity, self.team)

    @property
    def source(self) -> Source:
        """`rules` if a field was answered by rules, else `memory` if one was by memory, else `model`."""
        sources = {prediction.source for prediction in self.predictions}
        return next((source for source in (Source.RULES, Source.MEMORY) if source in sources), Source.MODEL)


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one cue (a word, a pair of words, a signal) adds to a label's score, in logits."""

    cue: str
    weight: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a label was predicted, exactly.

    `intercept` plus the sum of all `contributions` is `score`, the label's logit before calibration, to 1e-6. The
    contributions are in falling order of absolute weight and complete, unless `n_hidden` says how many small ones a
    view left out.

    Attributes:
        counterfactual: "without *crash*: medium", or None where no single cue decides.
        notes: What else the reader should know ("text truncated", "answered by keyword rules").
    """

    task: Task
    label: str
    score: float
    intercept: float
    contributions: Sequence[Contribution]
    counterfactual: str | None = None
    n_hidden: int = 0
    notes: Sequence[str] = field(default_factory=tuple)
