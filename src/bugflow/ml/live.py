"""Serving while models change: whoever asks gets one model or the next, never half of each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock

import structlog

from bugflow.domain.duplicates import Reading
from bugflow.domain.experiments import gets_challenger
from bugflow.domain.predictions import Assessment, BugText, Decision, Explanation, Prediction, Source, Task
from bugflow.errors import BugFlowError
from bugflow.ml.artifact import Artifact
from bugflow.ml.duplicates.search import DuplicateSearch, NoSearch
from bugflow.ml.predictor import Predictor, load_task_artifact

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Champion:
    """A model that is to answer.

    Attributes:
        manifest_hash: What its manifest hashes to; empty where nothing is known of it.
        problem: Why it cannot be had.
    """

    path: Path
    manifest_hash: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Challenger:
    """A model that is held against the champion.

    Attributes:
        experiment_id: The comparison that this is.
        share: Of the reports, for which it answers; for the others it does so silently.
    """

    experiment_id: int
    model: Champion
    share: float


@dataclass(frozen=True, slots=True)
class Standing:
    """What an installation wants of its models at a moment.

    Attributes:
        unlearned: For tasks on which people spoke since the champion learned: up to which of their words it did.
    """

    champions: Mapping[Task, Champion] = field(default_factory=dict)
    promises: Mapping[Task, float] = field(default_factory=dict)
    unlearned: Mapping[Task, int] = field(default_factory=dict)
    challengers: Mapping[Task, Challenger] = field(default_factory=dict)


NEAR = 0.80
"""Cosine from which on the nearest labelled report had the same team in 96 of 100 cases (125 pairs, five trackers)."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a person said of a bug that says nearly the same.

    Attributes:
        right: How often such a memory is right, in [0, 1].
    """

    label: str
    bug_id: int
    right: float


Recall = Callable[[BugText, Mapping[Task, int]], Mapping[Task, Remembered]]
"""What is remembered for a text, of words of people after these ids."""


class LivePredictor:
    """Answers with the models that the installation wants now; `refresh` looks whether these are others.

    A model is loaded beside those that answer and put in their place in one assignment. The former one stays loaded, so
    that going back takes no time. A model that cannot be used changes nothing but `problems`.
    """

    def __init__(
        self,
        find: Callable[[], Standing],
        *,
        duplicates: DuplicateSearch | None = None,
        recall: Recall = lambda _text, _since: {},
    ) -> None:
        self._find = find
        self._recall = recall
        self._duplicates = duplicates or NoSearch()
        self._loaded: dict[Champion, Artifact] = {}
        self._refreshing = Lock()
        self._standing: Standing | None = None
        self._now = (Predictor({}, {}, self._duplicates), Predictor({}), Standing())
        self.refresh()

    def refresh(self) -> None:
        """Take up what was promoted, rolled back, compared or promised since, here or in another process."""
        with self._refreshing:
            standing = self._find()
            if standing == self._standing:
                return
            artifacts: dict[Task, Artifact] = {}
            problems: dict[Task, str] = {}
            for task in Task:
                champion = standing.champions.get(task)
                if champion is None:
                    problems[task] = f"There is no {task.value} model."
                    continue
                found = self._load(champion, task)
                if not isinstance(found, str):
                    artifacts[task] = found
                    continue
                problems[task] = found
                if former := self._now[0].artifacts.get(task):
                    artifacts[task] = former
            others = self._load_challengers(standing.challengers)
            former_ones = self._now[0].artifacts.values()
            self._now = (Predictor(artifacts, problems, self._duplicates), Predictor(others), standing)
            self._standing = None if problems else standing  # what is repaired or reachable again is taken up
            kept = {id(artifact) for artifact in (*artifacts.values(), *former_ones, *others.values())}
            self._loaded = {one: artifact for one, artifact in self._loaded.items() if id(artifact) in kept}

    def _load_challengers(self, challengers: Mapping[Task, Challenger]) -> dict[Task, Artifact]:
        """The other models of comparisons; one that cannot be used says nothing, and nobody has to wait for it."""
        found = {}
        for task, challenger in challengers.items():
            one = self._load(challenger.model, task)
            if isinstance(one, str):
                log.warning("challenger.refused", task=task.value, reason=one)
            else:
                found[task] = one
        return found

    def _load(self, champion: Champion, task: Task) -> Artifact | str:
        """The model, or why there is none."""
        wanted = replace(champion, problem="")
        if wanted not in self._loaded:
            if champion.problem:
                return champion.problem
            try:
                self._loaded[wanted] = load_task_artifact(champion.path, task)
            except BugFlowError as error:
                return str(error)
        return self._loaded[wanted]

    @property
    def versions(self) -> Mapping[Task, str]:
        """What answers for each task: `severity-1`, `rules-1`."""
        return self._now[0].versions

    @property
    def problems(self) -> Mapping[Task, str]:
        """Why a task is answered by rules, or by a former model."""
        return self._now[0].problems

    def coverage(self, task: Task, *, promise: float) -> float:
        """Share of reports on which it would act under a promise, as measured when the model was made."""
        return self._now[0].coverage(task, promise=promise)

    def assess(
        self,
        texts: Sequence[BugText],
        *,
        teams: Sequence[str] | None = None,
        promises: Mapping[Task, float] | None = None,
        reading: Reading = Reading.WORDS,
        n_duplicates: int = 0,
    ) -> list[Assessment]:
        """One assessment a text, in order, under the installation's promises; see `Assessor.assess`.

        A single text is also answered by models that are held against the champions, and held against what people said
        since the champion learned: of a near twin their word counts, so that nobody corrects the same mistake twice.
        """
        predictor, others, standing = self._now
        promised = {**standing.promises, **(promises or {})}
        found = predictor.assess(texts, teams=teams, promises=promised, reading=reading, n_duplicates=n_duplicates)
        if len(texts) != 1:
            return found
        assessment = found[0]
        if others.artifacts:
            said = others.assess(texts, teams=teams, promises=promised)[0]
            assessment = _compared(assessment, said, texts[0], standing.challengers)
        if standing.unlearned:
            assessment = _recalled(assessment, self._recall(texts[0], standing.unlearned))
        return [assessment]

    def explain(
        self, text: BugText, task: Task, *, label: str | None = None, teams: Sequence[str] | None = None
    ) -> Explanation:
        """Why this label (by default the one predicted); see `Assessor.explain`."""
        predictor, others, standing = self._now
        challenger = standing.challengers.get(task)
        if challenger and task in others.artifacts and _answers(challenger, text):
            predictor = others
        return predictor.explain(text, task, label=label, teams=teams)


def _answers(challenger: Challenger, text: BugText) -> bool:
    return gets_challenger(challenger.experiment_id, challenger.share, text)


def _compared(
    assessment: Assessment, other: Assessment, text: BugText, challengers: Mapping[Task, Challenger]
) -> Assessment:
    """What is shown, and beside it what is not; only where two models answered."""
    fields, silent = {}, {}
    for prediction, said in zip(assessment.predictions, other.predictions, strict=True):
        challenger = challengers.get(prediction.task)
        if challenger is None or Source.RULES in {prediction.source, said.source}:
            continue
        shown, unseen = (said, prediction) if _answers(challenger, text) else (prediction, said)
        fields[prediction.task.value], silent[challenger.experiment_id] = shown, unseen
    return replace(assessment, **fields, silent=silent)  # type: ignore[arg-type]  # tasks are named like the fields


def _recalled(assessment: Assessment, remembered: Mapping[Task, Remembered]) -> Assessment:
    """What people said in place of what models did; of such a bug no model is judged."""
    fields = {
        prediction.task.value: _remember(prediction, remembered[prediction.task])
        for prediction in assessment.predictions
        if prediction.task in remembered
    }
    silent = {number: said for number, said in assessment.silent.items() if said.task not in remembered}
    return replace(assessment, **fields, silent=silent)  # type: ignore[arg-type]  # tasks are named like the fields


def _remember(prediction: Prediction, known: Remembered) -> Prediction:
    """A prediction with a person's word in place of the model's, unless that label is not in use."""
    if known.label not in prediction.probabilities:
        return prediction
    rest = 1 - prediction.probabilities[known.label]
    share = (1 - known.right) / rest if rest > 0 else 0.0
    others = {label: p * share for label, p in prediction.probabilities.items()}
    return replace(
        prediction,
        label=known.label,
        confidence=known.right,
        probabilities={**others, known.label: known.right},
        decision=Decision.SUGGEST,
        source=Source.MEMORY,
    )
