"""Models, retraining and promises over HTTP."""

import shutil
from pathlib import Path

import pytest
from tests.factories import House, Person
from tests.ml.builders import tiny_artifact

from bugflow.domain.predictions import Task
from bugflow.domain.registry import RunState
from bugflow.ml.live import LivePredictor
from bugflow.ml.shelf import Shelf
from bugflow.services import live, registry, retraining
from bugflow.services.training import steps

V1 = "/api/v1"


@pytest.fixture
def pm(house: House) -> Person:
    return house.person("pia", "pm")


def correct(house: House, pm: Person, n: int) -> dict[str, object]:
    """n reports whose predicted team a PM corrects; the last answer."""
    tester = house.person(f"tom{n}")
    answer = {}
    for number in range(n):
        bug_id = tester.report(f"The export {number} fails")["id"]
        answer = pm.post("/update_bug", json={"bug_id": bug_id, "correction_team": "Mobile"}).json()
    return dict(answer)


def test_enough_corrections_begin_one_run_and_later_ones_join_it(house: House, pm: Person) -> None:
    first = correct(house, pm, 49)
    assert first["retraining"] is None
    fiftieth = correct(house, pm, 1)
    later = correct(house, pm, 2)
    assert fiftieth["retraining"] == later["retraining"] == {"run_id": 1, "state": "queued"}
    (run,) = pm.get(f"{V1}/retraining").json()["items"]
    assert (run["trigger"], run["state"], run["actor"], run["ended_at"]) == ("corrections", "queued", None, None)


def test_a_run_by_hand_says_who_wanted_it_and_a_second_wish_is_folded_into_it(pm: Person) -> None:
    runs = [pm.post(f"{V1}/retraining") for _ in range(2)]
    assert [run.status_code for run in runs] == [202, 202]
    assert runs[0].json()["id"] == runs[1].json()["id"]
    assert runs[0].json()["actor"]["display_name"] == "pia"


def test_a_run_can_be_cancelled_once_and_none_of_its_steps_then_does_anything(house: House, pm: Person) -> None:
    run_id = pm.post(f"{V1}/retraining").json()["id"]
    cancelled = pm.post(f"{V1}/retraining/{run_id}/cancel").json()
    assert (cancelled["state"], cancelled["outcome"]) == ("cancelled", "Cancelled by pia.")
    again = pm.post(f"{V1}/retraining/{run_id}/cancel")
    assert (again.status_code, again.json()["code"]) == (409, "RunEnded")
    runtime = house.runtime
    assert steps.plan(runtime.database, runtime.shelf, run_id) == []
    steps.conclude(runtime.database, runtime.shelf, run_id, promote=True, now=house.now)
    assert pm.get(f"{V1}/retraining/{run_id}").json()["state"] == "cancelled"


def test_with_too_little_said_a_run_ends_refused_with_the_reason(house: House, pm: Person) -> None:
    correct(house, pm, 3)
    run_id = pm.post(f"{V1}/retraining").json()["id"]
    runtime = house.runtime
    assert steps.plan(runtime.database, runtime.shelf, run_id) == []
    steps.conclude(runtime.database, runtime.shelf, run_id, promote=True, now=house.now)
    run = pm.get(f"{V1}/retraining/{run_id}").json()
    assert run["state"] == "refused"
    assert "on 3 bugs; it takes 20" in run["outcome"]
    assert "Nobody has said anything about a severity" in run["outcome"]


def test_a_run_that_cannot_go_on_says_why_and_corrections_begin_another(house: House, pm: Person) -> None:
    run_id = correct(house, pm, 50)["retraining"]["run_id"]  # type: ignore[index]
    steps.fail(house.runtime.database, run_id, "The disk is full.", refused=False, now=house.now)
    run = pm.get(f"{V1}/retraining/{run_id}").json()
    assert (run["state"], run["outcome"]) == (RunState.FAILED, "The disk is full.")
    assert correct(house, pm, 1)["retraining"]["run_id"] == run_id + 1  # type: ignore[index]


def test_of_one_label_alone_nothing_is_learned(house: House, pm: Person) -> None:
    house.assessor.team = "Mobile"
    for number in range(25):
        bug_id = pm.report(f"The export {number} fails")["id"]
        pm.post(f"{V1}/feedback", json={"bug_id": bug_id, "task": "team", "label": "Mobile"})
    run_id = pm.post(f"{V1}/retraining").json()["id"]
    runtime = house.runtime
    assert steps.plan(runtime.database, runtime.shelf, run_id) == []
    steps.conclude(runtime.database, runtime.shelf, run_id, promote=True, now=house.now)
    assert "Every bug is Mobile" in pm.get(f"{V1}/retraining/{run_id}").json()["outcome"]


def _registered(house: House, name: str) -> None:
    shelf = house.runtime.shelf
    (shelf.own / name).mkdir(parents=True, exist_ok=True)
    with house.runtime.database.write() as session:
        registry.adopt_first(session, shelf, Task.TEAM, now=house.now)
        registry.register(
            session, name, Task.TEAM, base="team-1", run_id=None, shelf=shelf, up_to=0, figures={"n": 1}, now=house.now
        )


def test_a_promoted_model_is_the_champion_and_its_history_says_who_and_why(house: House, pm: Person) -> None:
    _registered(house, "team-7")
    promoted = pm.post(f"{V1}/models/team-7/promote", json={"reason": "It is better"})
    assert (promoted.status_code, promoted.json()["stage"]) == (200, "champion"), promoted.text
    assert promoted.json()["history"][-1]["actor"]["display_name"] == "pia"
    stages = {model["name"]: model["stage"] for model in pm.get(f"{V1}/models").json()}
    assert stages == {"team-7": "champion", "team-1": "retired"}
    again = pm.post(f"{V1}/models/team-7/promote", json={"reason": "It is better"})
    assert (again.status_code, again.json()["code"]) == (409, "AlreadyChampion")
    back = pm.post(f"{V1}/models/rollback", json={"task": "team", "reason": "It was not"})
    assert back.json()["name"] == "team-1"
    subjects = [entry["action"] for entry in pm.get(f"{V1}/audit").json()["items"]]
    assert {"model.registered", "model.promoted", "model.rolled_back"} <= set(subjects)


def test_what_cannot_be_promoted_or_gone_back_to_is_refused_and_nothing_is_recorded(house: House, pm: Person) -> None:
    missing = pm.post(f"{V1}/models/team-99/promote", json={"reason": "Why not"})
    assert (missing.status_code, missing.json()["code"]) == (404, "NotFound")
    nothing = pm.post(f"{V1}/models/rollback", json={"task": "severity", "reason": "Why not"})
    assert (nothing.status_code, nothing.json()["code"]) == (409, "NothingToGoBackTo")
    no_reason = pm.post(f"{V1}/models/team-1/promote", json={"reason": ""})
    assert no_reason.status_code == 422
    assert pm.get(f"{V1}/models").json() == []


def test_a_promise_is_kept_for_the_next_who_asks_and_bounded(pm: Person) -> None:
    before = {one["task"]: one["promise"] for one in pm.get(f"{V1}/promise").json()}
    assert before == {"severity": 0.9, "team": 0.9}
    changed = pm.request("PUT", f"{V1}/promise", json={"task": "team", "promise": 0.95}).json()
    assert {one["task"]: one["promise"] for one in changed} == {"severity": 0.9, "team": 0.95}
    assert len(changed[0]["curve"]) == 50
    assert pm.request("PUT", f"{V1}/promise", json={"task": "team", "promise": 1.0}).status_code == 422


def test_a_process_takes_up_what_was_promoted_elsewhere_and_keeps_answering_if_it_is_damaged(
    house: House, pm: Person, tmp_path: Path
) -> None:
    shelf = Shelf(house.runtime.shelf.own, None)
    predictor = LivePredictor(live.follow(house.runtime.database, shelf))
    assert predictor.versions == {Task.SEVERITY: "severity-1", Task.TEAM: "team-1"}
    _registered(house, "team-8")
    pm.post(f"{V1}/models/team-8/promote", json={"reason": "It is better"})
    predictor.refresh()
    assert predictor.versions[Task.TEAM] == "team-1", "an empty folder is no model: the former one answers"
    assert "team-8" in predictor.problems[Task.TEAM]
    pm.post(f"{V1}/models/rollback", json={"task": "team", "reason": "It is damaged"})
    predictor.refresh()
    assert not predictor.problems


def test_a_model_that_is_repaired_is_taken_up(house: House, pm: Person) -> None:
    shelf = house.runtime.shelf
    _registered(house, "team-9")
    pm.post(f"{V1}/models/team-9/promote", json={"reason": "It is better"})
    predictor = LivePredictor(live.follow(house.runtime.database, shelf))
    assert Task.TEAM in predictor.problems
    (shelf.own / "team-9").rmdir()
    shelf.keep(tiny_artifact("team-9"))
    predictor.refresh()
    assert (predictor.versions[Task.TEAM], dict(predictor.problems)) == ("team-9", {})
    shutil.rmtree(shelf.own / "team-9")


def test_a_queued_run_is_found_by_a_worker(house: House, pm: Person) -> None:
    run_id = pm.post(f"{V1}/retraining").json()["id"]
    with house.runtime.database.read() as session:
        assert retraining.find_queued(session) == run_id
