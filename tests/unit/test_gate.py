"""The gate, rule by rule, on counts worked out by hand."""

import json
from dataclasses import asdict, replace

import pytest

from bugflow.domain.gate import Evidence, Frozen, Recall, is_loss, judge, read_evidence

FINE = Evidence(
    n=50,
    champion_right=5,
    candidate_right=40,
    n_disputed=45,
    n_doubtful=10,
    by_chance=0.3,
    n_acted=20,
    acted_right=19,
    accepted=Recall(40, 40, 38),
    known=Recall(90, 45, 78),
    only_champion=3,
    only_candidate=36,
    recalls={"Mobile": Recall(30, 10, 25), "DevOps": Recall(3, 3, 0)},
)

FROZEN = Frozen(
    known=Recall(1_500, 1_200, 1_190),
    only_champion=40,
    only_candidate=30,
    macro_f1=(0.80, 0.79, 0.01),
    calibration_error=(0.02, 0.03),
    recalls={"Mobile": Recall(400, 350, 340), "DevOps": Recall(120, 80, 70), "Payments": Recall(4, 4, 0)},
    strangers=Recall(1_500, 1_100, 1_060),
)


def failed(evidence: Evidence, *, promise: float = 0.9) -> list[str]:
    return [rule.name for rule in judge(evidence, promise=promise) if not rule.passed]


def test_a_candidate_that_learned_and_lost_nothing_passes() -> None:
    assert failed(FINE) == []


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"n_doubtful": 16}, "corrections agree"),
        ({"candidate_right": 20}, "learned something"),
        ({"only_champion": 20, "only_candidate": 8}, "not worse than the champion"),
        ({"accepted": Recall(40, 40, 35)}, "keeps what people accepted"),
        ({"pinned": Recall(9, 7, 8), "unlearned_pins": (12,)}, "keeps the pinned bugs"),
        ({"acted_right": 17}, "keeps the promise"),
        ({"recalls": {"Mobile": Recall(30, 25, 18)}}, "finds Mobile"),
        ({"recalls": {"critical": Recall(40, 30, 25)}}, "finds critical"),
    ],
)
def test_each_rule_refuses_alone(changes: dict[str, object], rule: str) -> None:
    assert failed(replace(FINE, **changes)) == [rule]  # type: ignore[arg-type]


def test_corrections_that_all_say_the_same_agree_by_chance_and_may_pass() -> None:
    assert failed(replace(FINE, by_chance=1.0, candidate_right=50)) == []


def test_labels_that_have_nothing_to_do_with_the_text_teach_nothing() -> None:
    assert failed(replace(FINE, by_chance=0.33, candidate_right=20)) == ["learned something"]


def test_a_label_of_which_there_are_few_reports_decides_nothing() -> None:
    assert failed(replace(FINE, recalls={"DevOps": Recall(9, 9, 0)})) == []


def test_who_acts_on_nothing_breaks_no_promise_and_says_so() -> None:
    rules = {rule.name: rule for rule in judge(replace(FINE, n_acted=0, acted_right=0), promise=0.9)}
    assert rules["keeps the promise"].passed
    assert "act on none" in rules["keeps the promise"].text


def test_every_rule_gives_its_figures() -> None:
    assert all(
        any(character.isdigit() for character in rule.text) for rule in judge(replace(FINE, frozen=FROZEN), promise=0.9)
    )


@pytest.mark.parametrize(
    ("worse", "better", "expected"),
    [(0, 0, False), (5, 5, False), (4, 0, False), (5, 0, True), (9, 2, True), (600, 400, True)],
)
def test_a_loss_is_what_chance_does_not_explain(worse: int, better: int, expected: bool) -> None:
    assert is_loss(worse, better) is expected


def test_evidence_is_the_same_after_a_journey_through_json() -> None:
    for frozen in (None, FROZEN):
        evidence = replace(FINE, pinned=Recall(9, 7, 8), unlearned_pins=(12, 40), frozen=frozen)
        assert read_evidence(json.loads(json.dumps(asdict(evidence)))) == evidence


def test_a_candidate_that_forgot_little_of_what_the_base_knew_passes() -> None:
    assert failed(replace(FINE, frozen=FROZEN)) == []


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"known": Recall(1_500, 1_200, 1_140), "only_champion": 80, "only_candidate": 20}, "forgets nothing"),
        ({"macro_f1": (0.80, 0.72, -0.05)}, "forgets no label"),
        ({"recalls": {"DevOps": Recall(120, 80, 50)}}, "still finds DevOps"),
        ({"recalls": {"critical": Recall(120, 80, 70)}}, "still finds critical"),
        ({"calibration_error": (0.02, 0.08)}, "knows how sure it is"),
        ({"strangers": Recall(1_500, 1_100, 940)}, "still understands others"),
    ],
)
def test_each_rule_about_frozen_rows_refuses_alone(changes: dict[str, object], rule: str) -> None:
    frozen = replace(FROZEN, **changes)  # type: ignore[arg-type]
    assert failed(replace(FINE, frozen=frozen)) == [rule]


@pytest.mark.parametrize(
    "changes",
    [
        {"known": Recall(100, 80, 75), "only_champion": 15, "only_candidate": 10},
        {"macro_f1": (0.80, 0.72, 0.01)},
        {"recalls": {"critical": Recall(20, 15, 13)}},
    ],
    ids=["right", "macro-F1", "critical"],
)
def test_what_chance_explains_is_not_forgotten(changes: dict[str, object]) -> None:
    assert failed(replace(FINE, frozen=replace(FROZEN, **changes))) == []  # type: ignore[arg-type]


def test_without_frozen_rows_no_rule_speaks_of_them() -> None:
    names = {rule.name for rule in judge(FINE, promise=0.9)}
    assert {rule.name for rule in judge(replace(FINE, frozen=FROZEN), promise=0.9)} > names
    assert "forgets nothing" not in names


def test_a_verdict_names_the_pinned_bugs_that_would_be_lost_but_not_a_hundred_of_them() -> None:
    lost = replace(FINE, pinned=Recall(200, 150, 60), unlearned_pins=tuple(range(1, 101)))
    text = next(rule.text for rule in judge(lost, promise=0.9) if rule.name == "keeps the pinned bugs")
    assert "#1, #2" in text
    assert "#11" not in text
    assert "loses 100 of these" in text


def test_a_pinned_bug_that_the_champion_already_gets_wrong_cannot_be_lost() -> None:
    assert failed(replace(FINE, pinned=Recall(5, 0, 0))) == []
