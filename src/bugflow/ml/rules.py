"""Answer by keyword rules where no model can: always there, never acting."""

from collections.abc import Mapping, Sequence

from bugflow.domain.duplicates import Reading
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
from bugflow.ml.text import MAX_DESCRIPTION_CHARACTERS, MAX_TITLE_CHARACTERS
from bugflow.ml.weak_labels import RULES_VERSION, SEVERITY_KEYWORDS, TEAM_KEYWORDS, find_keywords, label_by_keywords

CONFIDENCE = {Task.SEVERITY: 0.33, Task.TEAM: 0.49}
"""How often the rules are right: mean accuracy over six trackers, as the cards of the shipped models give it. The other
labels share the rest, because nothing better is known of them."""
RULES_NOTE = "answered by keyword rules"
NO_KEYWORD_NOTE = "no keyword speaks for it"


class RulesPredictor:
    """Answers with keyword rules, offers what they found, asks where they found nothing; never acts."""

    @property
    def versions(self) -> dict[Task, str]:
        """What answers for each task."""
        return dict.fromkeys(Task, RULES_VERSION)

    @property
    def problems(self) -> dict[Task, str]:
        """Why a task is not answered by a model: none was asked for."""
        return {}

    def coverage(self, task: Task, *, promise: float) -> float:  # noqa: ARG002  (protocol)
        """Rules never act."""
        return 0.0

    def assess(
        self,
        texts: Sequence[BugText],
        *,
        teams: Sequence[str] | None = None,
        promises: Mapping[Task, float] | None = None,  # noqa: ARG002  (protocol)
        reading: Reading = Reading.WORDS,  # noqa: ARG002
        n_duplicates: int = 0,  # noqa: ARG002
    ) -> list[Assessment]:
        """Severity and team of each report by the rules; no duplicates."""
        return [
            Assessment(predict_by_rules(text, task=Task.SEVERITY), predict_by_rules(text, task=Task.TEAM, teams=teams))
            for text in texts
        ]

    def explain(
        self, text: BugText, task: Task, *, label: str | None = None, teams: Sequence[str] | None = None
    ) -> Explanation:
        """The keywords that speak for a label, by default for the answer."""
        return explain_by_rules(text, task=task, label=label, teams=teams)


def predict_by_rules(text: BugText, *, task: Task, teams: Sequence[str] | None = None) -> Prediction:
    """One field by the rules.

    Args:
        text: The report; only as much of it is read as a model would read.
        task: The field.
        teams: The teams in use; None for the default ones. The answer is one of them.
    """
    labels = tuple(Severity) if task is Task.SEVERITY else tuple(teams if teams is not None else DEFAULT_TEAMS)
    label, found = _answer(text, task=task)
    if label in labels:
        sure = CONFIDENCE[task] if len(labels) > 1 else 1.0
        rest = (1 - sure) / max(len(labels) - 1, 1)
        probabilities = {str(name): sure if name == label else rest for name in labels}
    else:  # the organisation has other teams than the rules know: nothing is known
        label, found = str(labels[0]) if labels else "", []
        probabilities = {str(name): 1 / len(labels) for name in labels}
    return Prediction(
        task=task,
        label=label,
        confidence=probabilities.get(label, 0.0),
        probabilities=probabilities,
        decision=Decision.SUGGEST if found else Decision.ASK,
        source=Source.RULES,
        model_version=RULES_VERSION,
    )


def explain_by_rules(
    text: BugText, *, task: Task, label: str | None = None, teams: Sequence[str] | None = None
) -> Explanation:
    """Each keyword that speaks for the label (by default the answer) counts 1; the score is their number.

    Raises:
        UnknownLabel: The task has no such label.
    """
    prediction = predict_by_rules(text, task=task, teams=teams)
    if label is not None and label not in prediction.probabilities:
        raise UnknownLabel(field=task.value, label=label, labels=", ".join(prediction.probabilities))
    chosen = label if label is not None else prediction.label
    cues = [Contribution(word, 1.0) for word, speaks_for in _answer(text, task=task)[1] if speaks_for == chosen]
    return Explanation(
        task=task,
        label=chosen,
        score=float(len(cues)),
        intercept=0.0,
        contributions=cues,
        notes=(RULES_NOTE,) if cues else (RULES_NOTE, NO_KEYWORD_NOTE),
    )


def _answer(text: BugText, *, task: Task) -> tuple[str, list[tuple[str, str]]]:
    """The rules' label and the keywords of this task that occur."""
    known = SEVERITY_KEYWORDS if task is Task.SEVERITY else TEAM_KEYWORDS
    read = BugText(text.title[:MAX_TITLE_CHARACTERS], text.description[:MAX_DESCRIPTION_CHARACTERS])
    severity, team = label_by_keywords(read)
    found = [(word, label) for word, label in find_keywords(f"{read.title}\n{read.description}") if label in known]
    return (severity.value if task is Task.SEVERITY else team), found
