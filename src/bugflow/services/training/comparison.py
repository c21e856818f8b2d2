"""What two models answered about the same reports: the figures that the gate judges by."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bugflow.domain.gate import Evidence, Recall
from bugflow.ml.artifact import Artifact
from bugflow.ml.features import Features
from bugflow.ml.text import clean
from bugflow.services.training.lessons import Lesson

if TYPE_CHECKING:
    from bugflow.ml.train.adapt import Adapted

Answers = NDArray[np.int64]


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
    )


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
