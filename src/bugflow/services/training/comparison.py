"""What two models answered about the same reports: the figures that the gate judges by."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bugflow.domain.gate import Evidence, Frozen, Recall
from bugflow.ml.artifact import Artifact
from bugflow.ml.calibration import fit_probabilities
from bugflow.ml.classifier import LinearModel
from bugflow.ml.evaluation import STRANGER, EvaluationRows
from bugflow.ml.features import Features
from bugflow.ml.metrics import calibration_error, macro_f1_change
from bugflow.ml.text import clean
from bugflow.services.training.lessons import Lesson

if TYPE_CHECKING:
    from bugflow.ml.train.adapt import Adapted

Answers = NDArray[np.int64]
LEAST = 1e-12  # of a probability, so that its logarithm is finite


def compare(
    lessons: Sequence[Lesson], features: Features, adapted: "Adapted", champion: Artifact, *, promise: float
) -> Evidence:
    """What the gate needs to know, from answers about reports that neither model had learned.

    Args:
        lessons: What was learned.
        features: Of these n reports.
        adapted: The candidate, with what ones like it answered that had not seen the report.
        champion: What answers now.
        promise: The precision below which it must not act.
    """
    labels = adapted.artifact.model.labels
    before = ask(champion, features, labels=labels)
    spoken = np.asarray([lesson.spoken for lesson in lessons], bool)
    accepted = np.asarray([lesson.accepted for lesson in lessons], bool)
    right, was_right = adapted.answers == adapted.truth, before == adapted.truth

    def count(rows: NDArray[np.bool_]) -> Recall:
        return Recall(int(rows.sum()), int(was_right[rows].sum()), int(right[rows].sum()))

    n = int(spoken.sum())
    said = np.bincount(adapted.truth[spoken], minlength=len(labels)) / max(n, 1)
    answered = np.bincount(adapted.answers[spoken], minlength=len(labels)) / max(n, 1)
    confidence = adapted.probabilities[np.arange(len(lessons)), adapted.answers]
    own = adapted.artifact.calibration
    least = np.asarray(
        [
            own.of(clean(lesson.text).project).bar(promise).thresholds[answer]
            for lesson, answer in zip(lessons, adapted.answers.tolist(), strict=True)
        ]
    )
    acted = spoken & (confidence >= least)
    counted = spoken | accepted
    pinned = np.flatnonzero([lesson.pinned for lesson in lessons])
    kept = _still_right(lessons, features, adapted, rows=pinned)
    held = was_right[pinned]
    return Evidence(
        n=n,
        champion_right=int(was_right[spoken].sum()),
        candidate_right=int(right[spoken].sum()),
        n_disputed=int((spoken & ~was_right).sum()),
        n_doubtful=int((adapted.doubtful & spoken & ~was_right).sum()),
        by_chance=float(said @ answered),
        n_acted=int(acted.sum()),
        acted_right=int(right[acted].sum()),
        accepted=count(accepted),
        known=count(counted),
        only_champion=int((was_right & ~right)[counted].sum()),
        only_candidate=int((right & ~was_right)[counted].sum()),
        recalls={
            label: count(rows)
            for place, label in enumerate(labels)
            if (rows := counted & (adapted.truth == place)).any()
        },
        pinned=Recall(len(pinned), int(held.sum()), int(kept.sum())),
        unlearned_pins=tuple(lessons[row].bug_id for row in pinned[held & ~kept]),
        frozen=compare_frozen(adapted.artifact, champion),
    )


def compare_frozen(candidate: Artifact, champion: Artifact) -> Frozen | None:
    """What both answer about the frozen rows of the model that they are made from; None where it has none.

    With their projects: reports of projects that nobody corrected are answered as before to the last digit, so what
    differs is what corrections did to projects that the base knows. And as a stranger's, where every correction tells:
    how common each label is may change there, that is what corrections of new projects are for; what words mean may not
    be lost. So temperature and bias are fitted to the rows anew for either, and what is right then is counted.
    """
    rows = candidate.evaluation
    models = (champion.model, candidate.model)
    if rows is None or any(not isinstance(model, LinearModel) or not _can_read(model, rows) for model in models):
        return None
    truth = rows.truth.astype(np.int64)
    known, strangers = (
        [_answer_frozen(rows, artifact, projects) for artifact in (champion, candidate)]
        for projects in (rows.names(candidate.calibration), [STRANGER] * rows.n)
    )
    answers = [answer for _, answer in known]
    was_right, right = (answer == truth for answer in answers)
    levelled = [_without_frequency(probabilities, truth) == truth for probabilities, _ in strangers]
    errors = [
        calibration_error(probabilities[np.arange(rows.n), answer], answer == truth) for probabilities, answer in known
    ]

    def count(chosen: NDArray[np.bool_]) -> Recall:
        return Recall(int(chosen.sum()), int(was_right[chosen].sum()), int(right[chosen].sum()))

    return Frozen(
        known=count(np.ones(rows.n, bool)),
        only_champion=int((was_right & ~right).sum()),
        only_candidate=int((right & ~was_right).sum()),
        macro_f1=macro_f1_change(truth, *answers),
        calibration_error=(errors[0], errors[1]),
        recalls={candidate.model.labels[place]: count(truth == place) for place in np.unique(truth).tolist()},
        strangers=Recall(rows.n, int(levelled[0].sum()), int(levelled[1].sum())),
    )


def _can_read(model: LinearModel, rows: EvaluationRows) -> bool:
    """Whether what the model learned is about vectors of the rows' encoder."""
    return model.learned is None or model.learned.encoder.name == rows.encoder


def _answer_frozen(
    rows: EvaluationRows, artifact: Artifact, projects: Sequence[str]
) -> tuple[NDArray[np.float64], Answers]:
    assert isinstance(artifact.model, LinearModel)  # noqa: S101 - the caller looked
    return artifact.calibration.answer(rows.score(artifact.model, projects), projects)


def _without_frequency(probabilities: NDArray[np.float64], truth: Answers) -> Answers:
    """The likeliest label [n] once temperature and bias are those that suit these reports best."""
    logits = np.log(np.maximum(probabilities, LEAST))
    return np.asarray(fit_probabilities(logits, truth, np.ones(len(truth))).probabilities(logits).argmax(axis=1))


def ask(artifact: Artifact, features: Features, *, labels: Sequence[str]) -> Answers:
    """What a model answers, as positions in these labels [n]."""
    _, answers = artifact.calibration.answer(artifact.model.score(features), features.projects)
    return np.asarray([labels.index(artifact.model.labels[place]) for place in answers.tolist()], np.int64)


def _still_right(
    lessons: Sequence[Lesson], features: Features, adapted: "Adapted", *, rows: Answers
) -> NDArray[np.bool_]:
    """Which of these pinned reports [p] the candidate gets right: with what it learned of them, or without.

    Without, if the champion has not learned them either. If it has, the two are compared as they would answer: else
    one that only memory gets right would stand in the way of every candidate.
    """
    if not len(rows):
        return np.zeros(0, bool)
    learned = np.asarray([not lessons[row].spoken for row in rows], bool)
    answers = ask(adapted.artifact, features.rows(rows), labels=adapted.artifact.model.labels)
    return np.asarray(np.where(learned, answers, adapted.answers[rows]) == adapted.truth[rows])
