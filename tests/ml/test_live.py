"""Serving while two models are compared."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from bugflow.domain.experiments import gets_challenger
from bugflow.domain.predictions import BugText, Source, Task
from bugflow.ml.artifact import load_artifact, save_artifact
from bugflow.ml.live import Challenger, Champion, LivePredictor, Remembered, Standing
from bugflow.ml.predictor import SHIPPED_MODELS

TEXTS = [BugText(f"The export {number} fails", "The file is empty", "Ledger") for number in range(20)]
TEAM_1 = Champion(SHIPPED_MODELS / "team-1")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Champion:
    """A model that names another team than team-1 for every text."""
    model = load_artifact(TEAM_1.path)
    labels = model.model.labels
    path = tmp_path_factory.mktemp("models") / "team-2"
    save_artifact(replace(model, name="team-2", model=replace(model.model, labels=(*labels[1:], labels[0]))), path)
    return Champion(path)


def live(challenger: Champion | None, *, share: float = 0.0, remembered: str | None = None) -> LivePredictor:
    challengers = {Task.TEAM: Challenger(7, challenger, share)} if challenger else {}
    unlearned = {Task.TEAM: 0} if remembered else {}
    standing = Standing({Task.TEAM: TEAM_1}, unlearned=unlearned, challengers=challengers)

    def recall(_text: BugText, _since: Mapping[Task, int]) -> Mapping[Task, Remembered]:
        return {Task.TEAM: Remembered(remembered or "", 1, 0.96)}

    return LivePredictor(lambda: standing, recall=recall)


def test_a_silent_challenger_is_asked_and_not_heard(other: Champion) -> None:
    alone, compared = live(None).assess(TEXTS[:1])[0], live(other).assess(TEXTS[:1])[0]
    assert compared.team == alone.team
    (said,) = compared.silent.values()
    assert (set(compared.silent), said.model_version) == ({7}, "team-2")
    assert said.label != compared.team.label
    assert said.confidence == compared.team.confidence


def test_a_challenger_with_a_share_answers_for_it_and_explains_what_it_answered(other: Champion) -> None:
    predictor = live(other, share=0.5)
    by_challenger = [gets_challenger(7, 0.5, text) for text in TEXTS]
    assert 0 < sum(by_challenger) < len(TEXTS)
    for text, answers in zip(TEXTS, by_challenger, strict=True):
        found = predictor.assess([text])[0]
        assert found.team.model_version == ("team-2" if answers else "team-1")
        assert found.silent[7].model_version == ("team-1" if answers else "team-2")
        assert predictor.explain(text, Task.TEAM).label == found.team.label


def test_where_a_person_was_remembered_no_model_is_judged(other: Champion) -> None:
    found = live(other, remembered="Mobile").assess(TEXTS[:1])[0]
    assert (found.team.label, found.team.source) == ("Mobile", Source.MEMORY)
    assert not found.silent


def test_several_texts_at_once_are_answered_by_the_champion(other: Champion) -> None:
    found = live(other, share=0.5).assess(TEXTS)
    assert {one.team.model_version for one in found} == {"team-1"}
    assert not any(one.silent for one in found)


def test_a_challenger_that_cannot_be_used_changes_nothing(tmp_path: Path) -> None:
    predictor = live(Champion(tmp_path / "team-9"), share=0.5)
    assert not predictor.assess(TEXTS[:1])[0].silent
    assert predictor.explain(TEXTS[0], Task.TEAM).label == predictor.assess(TEXTS[:1])[0].team.label
