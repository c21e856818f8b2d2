"""Models, retraining runs and promises on the wire."""

from typing import Annotated, Any

from pydantic import Field

from bugflow.domain.predictions import Task
from bugflow.domain.registry import RunState, Stage, Trigger
from bugflow.schemas.base import Body, Moment, Named, Read, ShortText
from bugflow.schemas.pages import Page


class ModelRead(Read):
    """A model in a list.

    Attributes:
        base: What it was made from; None for one that came with BugFlow or was given to it.
        passed: What the gate said; None where it was not asked.
    """

    name: str
    task: Task
    stage: Stage
    since: Moment
    base: str | None
    run_id: int | None
    passed: bool | None
    created_at: Moment


class StageRead(Read):
    """When a model became something, who wanted it, and why; without a person it was the machine."""

    stage: Stage
    reason: str
    actor: Named | None
    created_at: Moment


class GateRule(Read):
    name: str
    passed: bool
    text: str


class VerdictRead(Read):
    """What the gate said of a candidate, rule by rule."""

    task: Task
    candidate: str
    champion: str
    passed: bool
    rules: list[GateRule]
    created_at: Moment


class ModelDetail(ModelRead):
    """A model with what was measured when it was made, its history, and what the gate said."""

    figures: dict[str, Any]
    history: list[StageRead]
    verdict: VerdictRead | None


class CardRead(Read):
    """A model's card, Markdown."""

    name: str
    card: str


class Promotion(Body):
    reason: Annotated[ShortText, Field(min_length=1)]


class StepBack(Body):
    """Which task's former champion is to answer again, and why."""

    task: Task
    reason: Annotated[ShortText, Field(min_length=1)]


class RunRead(Read):
    """One retraining.

    Attributes:
        step: What it is doing, or did last.
        outcome: What came of it, in words; empty while it runs.
    """

    id: int
    trigger: Trigger
    state: RunState
    step: str
    outcome: str
    actor: Named | None
    created_at: Moment
    ended_at: Moment | None


class RunDetail(RunRead):
    """A retraining with what it learned from and what the gate said of each model."""

    plan: dict[str, Any]
    verdicts: list[VerdictRead]


class PromiseRead(Read):
    """What is promised for a task.

    Attributes:
        model: What answers in this process.
        coverage: Share of reports on which it lets the machine act, as measured when the model was made.
        curve: The same by promise, "0.50" to "0.99".
    """

    task: Task
    model: str
    promise: float
    coverage: float
    curve: dict[str, float]


class PromiseChange(Body):
    """The precision to ask for: act only if at least that share is right."""

    task: Task
    promise: Annotated[float, Field(ge=0.5, le=0.99)]


RunPage = Page[RunRead]
