"""The one door for serving: what the machine says about reports, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bugflow.domain.duplicates import Reading
from bugflow.domain.predictions import (
    Assessment,
    BugText,
    Decision,
    Explanation,
    Prediction,
    Severity,
    Source,
    Task,
)
from bugflow.errors import ArtifactCorrupt, BugFlowError, UnknownLabel
from bugflow.ml.artifact import Artifact, load_artifact
from bugflow.ml.calibration import DEFAULT_PROMISE, decide
from bugflow.ml.duplicates.search import DuplicateSearch, NoSearch
from bugflow.ml.explain import explain_label, name_project
from bugflow.ml.features import Features, extract
from bugflow.ml.rules import explain_by_rules, predict_by_rules
from bugflow.ml.text import clean
from bugflow.ml.weak_labels import RULES_VERSION

_BOLDNESS = (Decision.ASK, Decision.SUGGEST, Decision.AUTO)
SHIPPED_MODELS = Path(__file__).parents[1] / "models"


class Assessor(Protocol):
    """Whatever answers for reports: `Predictor`, `RulesPredictor`. May be called from several threads at once."""

    @property
    def versions(self) -> Mapping[Task, str]:
        """What answers for each task: `severity-1`, `rules-1`."""
        ...

    @property
    def problems(self) -> Mapping[Task, str]:
        """Why a task is answered by rules though a model was asked for; empty when all is well."""
        ...

    def coverage(self, task: Task, *, promise: float) -> float:
        """Share of reports on which it would act under a promise, as measured on the calibration slice."""
        ...

    def assess(
        self,
        texts: Sequence[BugText],
        *,
        teams: Sequence[str] | None = None,
        promises: Mapping[Task, float] | None = None,
        reading: Reading = Reading.WORDS,
        n_duplicates: int = 0,
    ) -> list[Assessment]:
        """One assessment a text, in order.

        Args:
            texts: Any strings; nothing in them makes this raise.
            teams: The teams in use; None for those of the model. Others get no probability. With a team among them
                that the model does not know, nothing is decided `auto`: no promise was measured for it.
            promises: The precision asked for, by task; `DEFAULT_PROMISE` where none is named.
            reading: How thoroughly to read for what is kept with a bug and for the search of earlier ones.
            n_duplicates: Earlier reports to find for each, at most.
        """
        ...

    def explain(
        self, text: BugText, task: Task, *, label: str | None = None, teams: Sequence[str] | None = None
    ) -> Explanation:
        """Why this label (by default the one predicted).

        Raises:
            UnknownLabel: The task has no such label.
        """
        ...


@dataclass(frozen=True, slots=True)
class Predictor:
    """Answers with one linear model a task and with rules where a model is missing. Immutable, so safe to share.

    Attributes:
        artifacts: The loaded models; a task without one is answered by rules.
        problems: Why, for each such task.
        duplicates: Where earlier reports are searched.
    """

    artifacts: Mapping[Task, Artifact]
    problems: Mapping[Task, str] = field(default_factory=dict)
    duplicates: DuplicateSearch = field(default_factory=NoSearch)

    @property
    def versions(self) -> dict[Task, str]:
        """What answers for each task: `severity-1`, `rules-1`."""
        return {task: self.artifacts[task].name if task in self.artifacts else RULES_VERSION for task in Task}

    def coverage(self, task: Task, *, promise: float) -> float:
        """Share of reports on which it would act under a promise, as measured on the calibration slice."""
        artifact = self.artifacts.get(task)
        return artifact.calibration.bar(promise).coverage if artifact else 0.0

    def assess(
        self,
        texts: Sequence[BugText],
        *,
        teams: Sequence[str] | None = None,
        promises: Mapping[Task, float] | None = None,
        reading: Reading = Reading.WORDS,
        n_duplicates: int = 0,
    ) -> list[Assessment]:
        """One assessment a text, in order; see `Assessor.assess`."""
        if not texts:
            return []
        promised = {task: (promises or {}).get(task, DEFAULT_PROMISE) for task in Task}
        cleaned = [clean(text) for text in texts]
        features = extract(cleaned) if self.artifacts else None
        severities = self._predict(texts, features, task=Task.SEVERITY, promise=promised[Task.SEVERITY])
        owners = self._predict(texts, features, task=Task.TEAM, promise=promised[Task.TEAM], labels=teams)
        prints = [self.duplicates.read(text, reading) for text in cleaned]
        candidates = [
            self.duplicates.find(text, known, n=n_duplicates) if known and n_duplicates else []
            for text, known in zip(cleaned, prints, strict=True)
        ]
        return [Assessment(*fields) for fields in zip(severities, owners, candidates, prints, strict=True)]

    def explain(
        self, text: BugText, task: Task, *, label: str | None = None, teams: Sequence[str] | None = None
    ) -> Explanation:
        """Why this label (by default the one predicted); see `Assessor.explain`."""
        artifact = self.artifacts.get(task)
        active = _active(artifact, teams if task is Task.TEAM else None) if artifact else None
        if artifact is None or active == []:
            return explain_by_rules(text, task=task, label=label, teams=teams if task is Task.TEAM else None)
        cleaned = clean(text)
        features = extract([cleaned])
        if label is None:
            _, chosen = artifact.calibration.answer(artifact.model.score(features), features.projects, active=active)
            label = artifact.model.labels[int(chosen[0])]
        elif label not in artifact.model.labels:
            raise UnknownLabel(field=task.value, label=label, labels=", ".join(artifact.model.labels))
        explanation = explain_label(
            cleaned,
            features,
            task=task,
            model=artifact.model,
            calibration=artifact.calibration.of(cleaned.project),
            label=label,
            active=active,
        )
        place = artifact.model.labels.index(label)
        return name_project(explanation, artifact.calibration, cleaned.project, place=place)

    def _predict(
        self,
        texts: Sequence[BugText],
        features: Features | None,
        *,
        task: Task,
        promise: float,
        labels: Sequence[str] | None = None,
    ) -> list[Prediction]:
        artifact = self.artifacts.get(task)
        active = _active(artifact, labels) if artifact else None
        if artifact is None or features is None or active == []:
            return [predict_by_rules(text, task=task, teams=labels) for text in texts]
        shown = labels if labels is not None else artifact.model.labels
        knows_all = set(shown) <= set(artifact.model.labels)
        return [
            Prediction(
                task=task,
                label=answer.label,
                confidence=answer.probabilities[answer.label],
                probabilities={label: answer.probabilities.get(label, 0.0) for label in shown},
                decision=answer.decision if knows_all else min(answer.decision, Decision.SUGGEST, key=_BOLDNESS.index),
                source=Source.MODEL,
                model_version=artifact.name,
            )
            for answer in answer_all(artifact, features, promise=promise, active=active)
        ]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one model of any task says about one report."""

    label: str
    probabilities: dict[str, float]
    decision: Decision


def answer_all(
    artifact: Artifact, features: Features, *, promise: float = DEFAULT_PROMISE, active: Sequence[int] | None = None
) -> list[Answer]:
    """One answer a report, in order; `active` are the positions of the labels in use, None for all."""
    labels, calibration = artifact.model.labels, artifact.calibration
    probabilities, chosen = calibration.answer(artifact.model.score(features), features.projects, active=active)
    bars = {project: calibration.of(project).bar(promise) for project in set(features.projects)}
    return [
        Answer(labels[place], dict(zip(labels, row.tolist(), strict=True)), decide(row, place, bars[project]))
        for row, place, project in zip(probabilities, chosen.tolist(), features.projects, strict=True)
    ]


def load_predictor(folder: Path | None = None, *, duplicates: DuplicateSearch | None = None) -> Predictor:
    """The newest model of each task in a folder of artifacts; a task whose model is missing or corrupt gets rules.

    Args:
        folder: Holds `severity-1`, `team-3` …; None for the models that ship with BugFlow.
        duplicates: Where earlier reports are searched; by default nowhere.
    """
    artifacts: dict[Task, Artifact] = {}
    problems: dict[Task, str] = {}
    for task in Task:
        newest = find_newest(folder or SHIPPED_MODELS, task)
        if newest is None:
            problems[task] = f"There is no {task.value} model in {folder or 'the installation'}."
            continue
        try:
            artifacts[task] = load_task_artifact(newest, task)
        except BugFlowError as error:
            problems[task] = str(error)
    return Predictor(artifacts, problems, duplicates or NoSearch())


def load_task_artifact(path: Path, task: Task) -> Artifact:
    """A model folder, refused unless it was trained for this field of a bug.

    Raises:
        ArtifactCorrupt: It is damaged, or predicts something else.
    """
    artifact = load_artifact(path)
    if artifact.task != task.value:
        raise ArtifactCorrupt(path=path, reason=f"it predicts {artifact.task}, not {task.value}.")
    if task is Task.SEVERITY and artifact.model.labels != tuple(Severity):
        raise ArtifactCorrupt(path=path, reason=f"its labels are not {', '.join(Severity)}, in this order.")
    return artifact


def find_newest(folder: Path, task: str) -> Path | None:
    """The model folder of a task with the highest number, if there is one."""
    numbered = [
        (int(number), path)
        for path in (folder.iterdir() if folder.is_dir() else [])
        if (number := path.name.removeprefix(f"{task}-")).isdecimal() and path.name.startswith(f"{task}-")
    ]
    return max(numbered)[1] if numbered else None


def _active(artifact: Artifact, labels: Sequence[str] | None) -> list[int] | None:
    """Positions of the model's labels that are in use; None for all."""
    if labels is None:
        return None
    return [place for place, label in enumerate(artifact.model.labels) if label in labels]
