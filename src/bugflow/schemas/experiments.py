"""Comparisons of two models on the wire."""

from typing import Annotated, Literal

from pydantic import Field

from bugflow.domain.experiments import ExperimentKind, Winner
from bugflow.domain.predictions import Task
from bugflow.schemas.base import Body, Moment, Named, Read, ShortText
from bugflow.schemas.pages import Page

ModelName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}-[1-9][0-9]{0,8}$")]


class ExperimentCreate(Body):
    """Which registered model is to be held against the champion of its task.

    Attributes:
        kind: `shadow`: it answers silently. `ab`: it answers for half of the bugs, in the end the better one for all.
        n_most: Without a winner after so many bugs it ends.
    """

    challenger: ModelName
    kind: Literal[ExperimentKind.SHADOW, ExperimentKind.AB]
    n_most: Annotated[int, Field(ge=50, le=20_000)] = 2_000
    reason: Annotated[ShortText, Field(min_length=1)]


class ExperimentStop(Body):
    reason: Annotated[ShortText, Field(min_length=1)]


class ComparisonRead(Read):
    """What two models were worth on the same live bugs.

    Attributes:
        n: Bugs that count: as old as nine in ten were when they were corrected.
        surprise: E-value; 20 decides (a probation: 100), however often one looks.
    """

    n: int
    n_agreed: int
    only_champion: int
    only_challenger: int
    shown_by_champion: int
    shown_by_challenger: int
    corrected_of_champion: int
    corrected_of_challenger: int
    surprise: float
    ahead: Winner


class ExperimentRead(Read):
    """One comparison; while it runs, as it stands now.

    Attributes:
        outcome: What came of it, in words; empty while it runs.
    """

    id: int
    task: Task
    kind: ExperimentKind
    champion: str
    challenger: str
    n_most: int
    reason: str
    comparison: ComparisonRead
    winner: Winner | None
    outcome: str
    actor: Named | None
    created_at: Moment
    ended_at: Moment | None


ExperimentPage = Page[ExperimentRead]
