"""How what answers does since it answers: over HTTP, and to a scrape."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, text
from tests.conftest import BOTH
from tests.factories import House, Person

from bugflow.db.tables import GateVerdict, PredictionRow, RetrainingRun
from bugflow.domain.accounts import Role
from bugflow.domain.predictions import Decision, Source, Task
from bugflow.domain.registry import RunState, Trigger
from bugflow.services.health import FEWEST_SPOKEN, N_REPORTS

pytestmark = pytest.mark.parametrize("kind", BOTH)


@pytest.fixture
def pia(house: House) -> Person:
    return house.person("pia", Role.PM)


def health(person: Person) -> dict[str, dict[str, Any]]:
    answer = person.get("/api/v1/stats/health")
    assert answer.status_code == 200, answer.text
    return {one["task"]: one for one in answer.json()}


def predict(house: House, bug_id: int, n: int, *, label: str, confidence: float, version: str = "team-7") -> None:
    """n more predictions, as if of as many bugs."""
    row = {"bug_id": bug_id, "task": Task.TEAM, "label": label, "confidence": confidence, "probabilities": {}}
    row |= {"decision": Decision.AUTO, "source": Source.MODEL, "model_version": version, "created_at": house.now}
    with house.runtime.database.write() as session:
        session.execute(insert(PredictionRow), [row] * n)


def scrape(house: House) -> dict[str, float]:
    lines = house.client.get("/metrics").text.splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines) if name[:1] != "#"}


def test_a_model_that_nobody_asked_yet_has_no_figures(pia: Person) -> None:
    found = health(pia)["team"]
    assert (found["model"], found["n_predicted"], found["drift"]) == ("team-7", 0, "unknown")
    assert found["reliability"] == found["tradeoff"] == []
    assert found["acceptance"] is found["coverage"] is found["calibration_error"] is found["since"] is None


def test_corrections_and_overrides_lower_the_acceptance_and_the_newest_word_counts(house: House, pia: Person) -> None:
    for _ in range(3):
        pia.report()
    pia.report(team="Mobile")  # not what was predicted
    house.assessor.unsure(Task.TEAM)
    pia.report()
    say = [(1, "DevOps"), (2, "DevOps"), (2, "Backend"), (3, "Backend")]
    for bug_id, team in say:
        answer = pia.post("/api/v1/feedback", json={"bug_id": bug_id, "task": "team", "label": team})
        assert answer.status_code == 201, answer.text
    found = health(pia)["team"]
    assert (found["n_predicted"], found["n_corrected"], found["n_spoken"]) == (5, 2, 4)
    assert (found["acceptance"], found["coverage"]) == (0.6, 0.8)
    assert found["calibration_error"] is None, "four words say nothing about confidences"
    assert health(pia)["severity"]["acceptance"] == 1.0


def test_calibration_is_told_once_enough_people_spoke(house: House, pia: Person) -> None:
    """All at 91 % and right in 40 of 50: an error of 11 points."""
    for number in range(FEWEST_SPOKEN):
        bug_id = pia.report()["id"]
        team = "Backend" if number < 40 else "Mobile"
        pia.post("/api/v1/feedback", json={"bug_id": bug_id, "task": "team", "label": team})
    found = health(pia)["team"]
    assert found["calibration_error"] == pytest.approx(0.11)
    assert found["reliability"] == [{"confidence": 0.91, "right": 0.8, "n": 50}]
    assert found["tradeoff"] == [{"confidence": 0.91, "coverage": 1.0, "precision": 0.8}], (
        "equally sure, so all or none"
    )


def test_reports_that_change_are_noticed_with_what_to_do_and_a_new_model_starts_anew(house: House, pia: Person) -> None:
    bug_id = pia.report()["id"]
    predict(house, bug_id, 600, label="Backend", confidence=0.93)
    assert health(pia)["team"]["drift"] == "steady"
    assert health(pia)["team"]["advice"] == ""
    predict(house, bug_id, 450, label="Mobile", confidence=0.93)
    found = health(pia)["team"]
    assert (found["drift"], found["n_predicted"]) == ("far", N_REPORTS)
    assert found["drift_indices"]["label"] > 0.25
    assert found["drift_indices"]["confidence"] < 0.1
    assert found["advice"].startswith("What it answers changed since it began to answer. Correct what is wrong")
    predict(house, bug_id, 5000, label="DevOps", confidence=0.3, version="team-6")
    assert health(pia)["team"] == found, "what others answered is not its business"


def test_its_rows_are_found_by_the_index(house: House, pia: Person) -> None:
    """However many predictions there are, as many rows are read as are looked at."""
    predict(house, pia.report()["id"], 3000, label="DevOps", confidence=0.3, version="team-6")
    query = "SELECT id FROM prediction WHERE task = 'team' AND model_version = 'team-7' ORDER BY id DESC LIMIT 500"
    with house.runtime.database.write() as session:
        if house.runtime.database.is_sqlite:
            plan = session.execute(text(f"EXPLAIN QUERY PLAN {query}")).all()
        else:
            session.execute(text("ANALYZE prediction"))
            plan = session.execute(text(f"EXPLAIN {query}")).all()
    shown = " ".join(str(row) for row in plan)
    assert "ix_prediction_task_model_version_id" in shown, shown
    assert "TEMP B-TREE" not in shown


def test_a_scrape_tells_the_loop_and_asks_the_database_once_in_a_while(build: Callable[..., House]) -> None:
    house = build()
    pia = house.person("pia", Role.PM)
    bug_id = pia.report()["id"]
    predict(house, bug_id, 400, label="Backend", confidence=0.93)
    pia.post("/api/v1/retraining")
    facts = {"trigger": Trigger.MANUAL, "step": "ended", "up_to_feedback_id": 0, "plan": {}, "outcome": ""}
    facts |= {"state": RunState.REFUSED, "created_at": house.now, "ended_at": house.now}
    with house.runtime.database.write() as session:
        run = RetrainingRun(**facts)
        session.add(run)
        session.flush()
        verdict = {"candidate": "team-8", "champion": "team-7", "passed": False, "rules": [], "created_at": house.now}
        session.add(GateVerdict(run_id=run.id, task=Task.TEAM, **verdict))
    house.clock.advance(minutes=2)
    found = scrape(house)
    expected = {
        "bugflow_loop_known": 1,
        'bugflow_model_missing{task="team"}': 0,
        'bugflow_gate_verdicts{result="refused",task="team"}': 1,
        'bugflow_gate_verdicts{result="passed",task="severity"}': 0,
        'bugflow_retraining_runs{state="queued"}': 1,
        'bugflow_retraining_runs{state="refused"}': 1,
        "bugflow_retraining_waiting_seconds": 120,
        "bugflow_last_report_timestamp_seconds": (house.now - timedelta(minutes=2)).timestamp(),
        'bugflow_champion_acceptance{model="team-7",task="team"}': 1,
        'bugflow_champion_coverage{model="team-7",task="team"}': 1,
        'bugflow_champion_spoken{model="team-7",task="team"}': 0,
        'bugflow_champion_drift{model="team-7",task="team"}': 0,
        'bugflow_drift{of="label",task="team"}': 0,
    }
    assert {name: found.get(name) for name in expected} == expected
    assert 'bugflow_champion_calibration_error{model="team-7",task="team"}' not in found
    house.clock.advance(seconds=29)
    assert scrape(house)["bugflow_retraining_waiting_seconds"] == 120, "kept"
    house.clock.advance(seconds=1)
    assert scrape(house)["bugflow_retraining_waiting_seconds"] == 150, "read again"


def test_a_scrape_goes_on_without_the_database_and_names_a_missing_model(build: Callable[..., House]) -> None:
    house = build(database_url="postgresql://nobody@127.0.0.1:9/nothing?connect_timeout=2")
    house.assessor.problems = {Task.TEAM: "It is away."}
    found = scrape(house)
    assert found["bugflow_loop_known"] == 0
    assert found['bugflow_model_missing{task="team"}'] == 1
    assert "bugflow_retraining_waiting_seconds" not in found
