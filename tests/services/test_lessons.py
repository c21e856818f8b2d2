"""What each word counts in a retraining."""

import pytest
from tests.fakes import A_MONDAY

from bugflow.domain.feedback import FeedbackKind
from bugflow.services.feedback import TrainingRow
from bugflow.services.training.lessons import cap_weights

CORRECTION, OVERRIDE = FeedbackKind.CORRECTION, FeedbackKind.OVERRIDE


def said(actor_id: int, n: int, kind: FeedbackKind = CORRECTION) -> list[TrainingRow]:
    return [TrainingRow(1, "title", "text", "Shop", A_MONDAY, "Mobile", kind, actor_id, number) for number in range(n)]


def test_one_pm_alone_is_learned_from_in_full_and_reporters_by_half() -> None:
    assert set(cap_weights(said(1, 500))) == {1.0}
    weights = cap_weights([*said(1, 500), *said(2, 3, OVERRIDE)])
    assert weights == [1.0] * 500 + [0.5] * 3


def test_a_pm_who_floods_counts_no_more_than_the_others_together() -> None:
    weights = cap_weights([*said(1, 1_000), *said(2, 120), *said(3, 80)])
    assert sum(weights[:1_000]) == pytest.approx(200)
    assert weights[1_000:] == [1.0] * 200


def test_up_to_a_hundred_words_nobody_is_capped() -> None:
    assert set(cap_weights([*said(1, 90), *said(2, 1)])) == {1.0}
    assert sum(cap_weights([*said(1, 300), *said(2, 1)])[:300]) == pytest.approx(100)
