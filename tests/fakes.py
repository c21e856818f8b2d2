"""Stand-ins that really run: a clock that is told the time, an assessor that is told the answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from bugflow.domain.duplicates import DuplicateCandidate, Reading
from bugflow.domain.predictions import (
    DEFAULT_TEAMS,
    Assessment,
    BugText,
    Contribution,
    Decision,
    Explanation,
    Prediction,
    Severity,
    Source,
    Task,
)
from bugflow.errors import UnknownLabel

A_MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class FakeClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = A_MONDAY

    def reset(self) -> None:
        self.now = A_MONDAY

    def __call__(self) -> datetime:
        return self.now

    def advance(self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> datetime:
        self.now += timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        return self.now


@dataclass
class FakeAssessor:
    """Answers every text with the labels it was given; remembers what it was asked.

    Attributes:
        asked: Every text, with the teams it was to choose from.
        silent: By experiment what another model says, unseen.
    """

    severity: str = "medium"
    team: str = "Backend"
    confidence: float = 0.91
    decisions: dict[Task, Decision] = field(default_factory=lambda: dict.fromkeys(Task, Decision.AUTO))
    source: Source = Source.MODEL
    duplicates: tuple[DuplicateCandidate, ...] = ()
    problems: dict[Task, str] = field(default_factory=dict)
    asked: list[tuple[BugText, tuple[str, ...]]] = field(default_factory=list)
    silent: dict[int, Prediction] = field(default_factory=dict)

    def reset(self) -> None:
        """Forget everything that a test told it."""
        vars(self).update(vars(FakeAssessor()))

    @property
    def versions(self) -> Mapping[Task, str]:
        return {task: f"{task.value}-7" for task in Task}

    def coverage(self, task: Task, *, promise: float) -> float:
        return 0.5

    def unsure(self, task: Task, decision: Decision = Decision.ASK) -> None:
        self.decisions[task] = decision

    def say_silently(self, experiment_id: int, team: str, *, version: str) -> None:
        said = self._prediction(Task.TEAM, team, DEFAULT_TEAMS)
        self.silent[experiment_id] = replace(said, model_version=version)

    def assess(
        self,
        texts: Sequence[BugText],
        *,
        teams: Sequence[str] | None = None,
        promises: Mapping[Task, float] | None = None,
        reading: Reading = Reading.WORDS,
        n_duplicates: int = 0,
    ) -> list[Assessment]:
        names = tuple(DEFAULT_TEAMS if teams is None else teams)
        self.asked += [(text, names) for text in texts]
        team = self.team if self.team in names else names[0]
        severity = self._prediction(Task.SEVERITY, self.severity, tuple(Severity))
        owner = self._prediction(Task.TEAM, team, names)
        return [Assessment(severity, owner, self.duplicates, silent=self.silent) for _ in texts]

    def explain(
        self, text: BugText, task: Task, *, label: str | None = None, teams: Sequence[str] | None = None
    ) -> Explanation:
        labels = tuple(Severity) if task is Task.SEVERITY else tuple(DEFAULT_TEAMS if teams is None else teams)
        self.asked.append((text, labels))
        chosen = label or (self.severity if task is Task.SEVERITY else self.team)
        if chosen not in labels:
            raise UnknownLabel(field=task.value, label=chosen, labels=", ".join(labels))
        words = text.description.split()
        contributions = [Contribution(word, 1 / (place + 1)) for place, word in enumerate(words)]
        score = 0.25 + sum(c.weight for c in contributions)
        return Explanation(task, chosen, score=score, intercept=0.25, contributions=contributions)

    def _prediction(self, task: Task, label: str, labels: Sequence[str]) -> Prediction:
        rest = (1 - self.confidence) / max(len(labels) - 1, 1)
        return Prediction(
            task=task,
            label=label,
            confidence=self.confidence,
            probabilities={name: self.confidence if name == label else rest for name in labels},
            decision=self.decisions[task],
            source=self.source,
            model_version=self.versions[task],
        )
