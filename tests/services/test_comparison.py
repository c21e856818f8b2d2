"""What the gate is told of two models, from answers that are worked out by hand."""

import numpy as np
import pytest
from tests.ml.trackers import TEAMS, WordEncoder, write_tracker

from bugflow.domain.predictions import BugText
from bugflow.ml.artifact import Artifact
from bugflow.ml.features import Features, extract
from bugflow.ml.text import clean
from bugflow.ml.train.adapt import Adapted
from bugflow.ml.train.recipe import Recipe
from bugflow.ml.train.run import train_model
from bugflow.services.training.comparison import ask, compare
from bugflow.services.training.lessons import Lesson

LABELS = ("Backend", "Frontend", "Mobile", "DevOps")


@pytest.fixture(scope="module")
def champion(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    file = write_tracker(tmp_path_factory.mktemp("base") / "t.parquet", 300, seed=1, noise=0.0)
    return train_model([file], Recipe("team", "team", regularisation=3.0), name="team-1", encoder=WordEncoder())


def lessons_and_features(*, spoken: list[bool], pinned: list[bool]) -> tuple[list[Lesson], Features]:
    """Four bugs, one of each team, that the champion gets right."""
    texts = [BugText(f"{TEAMS[team]} broken", f"the page {TEAMS[team]} again", "project 1") for team in LABELS]
    facts = zip(range(11, 15), texts, LABELS, spoken, pinned, strict=True)
    lessons = [
        Lesson(bug_id, text, team, 1.0, spoken=was_spoken, accepted=True, pinned=is_pinned)
        for bug_id, text, team, was_spoken, is_pinned in facts
    ]
    return lessons, extract([clean(text) for text in texts])


def candidate(champion: Artifact, answers: list[int]) -> Adapted:
    """One that answers like the champion, but whose likes, that had not seen the bugs, answered these."""
    places = np.asarray(answers, np.int64)
    probabilities = np.eye(4)[places]
    return Adapted(champion, np.arange(4), probabilities, places, np.arange(4), np.zeros(4, bool))


def test_a_pinned_bug_that_neither_had_learned_is_lost_if_the_likes_of_the_candidate_get_it_wrong(
    champion: Artifact,
) -> None:
    lessons, features = lessons_and_features(spoken=[True] * 4, pinned=[True, True, False, False])
    assert ask(champion, features, labels=LABELS).tolist() == [0, 1, 2, 3]
    evidence = compare(lessons, features, candidate(champion, [0, 0, 0, 3]), champion, promise=0.9)
    assert evidence.unlearned_pins == (12,)
    assert (evidence.pinned.n, evidence.pinned.champion, evidence.pinned.candidate) == (2, 2, 1)


def test_a_pinned_bug_that_the_champion_has_learned_is_compared_as_both_would_answer(champion: Artifact) -> None:
    lessons, features = lessons_and_features(spoken=[False] * 4, pinned=[True] * 4)
    evidence = compare(lessons, features, candidate(champion, [3, 3, 3, 3]), champion, promise=0.9)
    assert evidence.unlearned_pins == ()
    assert (evidence.pinned.n, evidence.pinned.candidate) == (4, 4)


def test_without_pins_nothing_is_counted(champion: Artifact) -> None:
    lessons, features = lessons_and_features(spoken=[True] * 4, pinned=[False] * 4)
    evidence = compare(lessons, features, candidate(champion, [0, 1, 2, 3]), champion, promise=0.9)
    assert (evidence.pinned.n, evidence.unlearned_pins) == (0, ())
    assert (evidence.n, evidence.candidate_right, evidence.champion_right) == (4, 4, 4)


def test_the_frozen_rows_of_the_base_are_part_of_the_evidence(champion: Artifact) -> None:
    lessons, features = lessons_and_features(spoken=[True] * 4, pinned=[False] * 4)
    evidence = compare(lessons, features, candidate(champion, [0, 1, 2, 3]), champion, promise=0.9)
    assert champion.evaluation is not None
    assert evidence.frozen is not None
    assert evidence.frozen.known.n == champion.evaluation.n
