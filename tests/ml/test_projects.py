"""Promises of what a report's project adds to its prediction."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax
from tests.ml.builders import tiny_artifact

from bugflow.domain.predictions import BugText, Task
from bugflow.ml.calibration import FEWEST_OF_PROJECT, fit_probabilities
from bugflow.ml.predictor import Predictor
from bugflow.ml.train.linear import calibrate

REPORT = BugText("the page is slow", "", "Web  App")


@pytest.fixture
def predictor() -> Predictor:
    artifact = tiny_artifact("severity-1")
    shares = {"web app": (0.0, 0.0, 9.0, 0.0), "core": (3.0, 0.0, 0.0, 0.0)}
    return Predictor({Task.SEVERITY: replace(artifact, calibration=replace(artifact.calibration, shares=shares))})


def _severity(predictor: Predictor, text: BugText) -> str:
    return predictor.assess([text])[0].severity.label


def test_a_project_moves_its_own_reports_only(predictor: Predictor) -> None:
    assert _severity(predictor, REPORT) == "high"
    for other in ("Core", "somewhere else", "", None):
        assert _severity(predictor, replace(REPORT, project=other)) == "medium"


def test_a_projects_share_is_named_and_the_sum_still_holds(predictor: Predictor) -> None:
    explanation = predictor.explain(REPORT, Task.SEVERITY)
    assert explanation.label == "high"
    named = {contribution.cue: contribution.weight for contribution in explanation.contributions}
    assert named["project: web app"] == 9.0
    assert explanation.intercept + sum(named.values()) == pytest.approx(explanation.score, abs=1e-6)


def test_the_share_of_a_project_is_learned_and_a_rare_project_gets_none() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4_000, 3))
    projects = ["core"] * 2_000 + ["web"] * (2_000 - FEWEST_OF_PROJECT + 1) + ["rare"] * (FEWEST_OF_PROJECT - 1)
    shift = np.where(np.asarray(projects)[:, None] == "core", [[2.0, 0.0, 0.0]], 0.0)
    truth = np.asarray([rng.choice(3, p=p) for p in softmax(logits + shift, axis=1)])
    calibration = fit_probabilities(logits, truth, np.ones(4_000), projects)
    assert set(calibration.shares) == {"core", "web"}
    core, web = (np.asarray(calibration.shares[name]) for name in ("core", "web"))
    difference = (core - core.mean()) - (web - web.mean())
    assert difference == pytest.approx([4 / 3, -2 / 3, -2 / 3], abs=0.3)


def test_a_report_of_an_unknown_project_is_answered_as_if_no_project_were_known_and_never_acted_on() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(4_000, 4)) * 2
    projects = ["core"] * 2_000 + ["web"] * 2_000
    shift = np.where(np.asarray(projects)[:, None] == "core", [[3.0, 0.0, 0.0, 0.0]], 0.0)
    truth = np.asarray([rng.choice(4, p=p) for p in softmax(logits + shift, axis=1)])
    labels, weights = tuple("abcd"), np.ones(4_000)
    named = calibrate(logits, truth, weights, labels=labels, projects=projects)
    nameless = calibrate(logits, truth, weights, labels=labels)
    assert named.of("elsewhere") == named.of("") == replace(nameless, bars={})
    _, chosen = named.answer(logits, projects)
    _, without = named.answer(logits, [""] * 4_000)
    assert (chosen == truth).mean() > (without == truth).mean() + 0.03


def test_few_reports_of_a_project_move_it_little() -> None:
    logits = np.zeros((1_000, 2))
    projects = ["few"] * 20 + ["many"] * 980
    truth = np.asarray([1] * 20 + [1] * 490 + [0] * 490)
    share = fit_probabilities(logits, truth, np.ones(1_000), projects).shares["few"]
    p = softmax(np.asarray(share))
    assert 0.7 < p[1] < 0.97  # all 20 said so, which is not proof that all will
