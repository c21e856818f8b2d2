"""What the machine says, on the wire."""

from typing import Annotated

from pydantic import Field

from bugflow.domain.bugs import MAX_DESCRIPTION_CHARACTERS, MAX_TITLE_CHARACTERS
from bugflow.domain.predictions import Decision, Severity, Source, Task
from bugflow.schemas.base import Body, Moment, Name, NotBlank, Read, Storable
from bugflow.schemas.duplicates import DuplicateRead

Description = Annotated[str, Field(min_length=1, max_length=MAX_DESCRIPTION_CHARACTERS), Storable, NotBlank]
Title = Annotated[str, Field(min_length=1, max_length=MAX_TITLE_CHARACTERS), Storable, NotBlank]


class PredictRequest(Body):
    description: Description
    project: Name | None = None
    title: Title | None = None


class LabelProbability(Read):
    label: str
    probability: float


class PredictionRead(Read):
    """One predicted field.

    Attributes:
        confidence: Calibrated probability of `label`.
        top: The three most probable labels.
    """

    label: str
    confidence: float
    decision: Decision
    probabilities: dict[str, float]
    top: list[LabelProbability]
    source: Source
    model_version: str


class ContributionRead(Read):
    """What one cue adds to the label's score, in logits."""

    cue: str
    weight: float


class LabelledBugRead(Read):
    """A bug whose label a person gave; `similarity` is the cosine of the two texts' vectors."""

    bug_id: int
    title: str
    label: str
    similarity: float


class ExplanationRead(Read):
    """`intercept` plus all contributions (shown and the `hidden_weight` of those that are not) is `score`.

    Attributes:
        nearest: Up to three bugs nearest in meaning that people labelled; the score does not rest on them.
    """

    task: Task
    label: str
    score: float
    intercept: float
    contributions: list[ContributionRead]
    n_hidden: int
    hidden_weight: float
    counterfactual: str | None
    notes: list[str]
    nearest: list[LabelledBugRead] = Field(default_factory=list)


class Predictions(Read):
    severity: PredictionRead
    team: PredictionRead


class PredictResponse(Read):
    """The answer to `POST /predict`: the two labels of the requirements document, and why."""

    severity: Severity
    team: str
    predictions: Predictions
    duplicates: list[DuplicateRead]
    model_version: str
    source: Source
    took_ms: float
    explanation: list[ExplanationRead] | None = None


class StoredPrediction(Read):
    """A prediction as it was made when the bug was filed."""

    task: Task
    label: str
    confidence: float
    decision: Decision
    probabilities: dict[str, float]
    source: Source
    model_version: str
    created_at: Moment
