"""Two models on live bugs, over HTTP."""

from datetime import timedelta
from typing import Any

import pytest
from tests.factories import House, Person

from bugflow.db.tables import GateVerdict
from bugflow.domain.predictions import Task
from bugflow.domain.registry import Trigger
from bugflow.services import registry, retraining
from bugflow.services.experiments import deciding

V1 = "/api/v1"


@pytest.fixture
def pm(house: House) -> Person:
    return house.person("pia", "pm")


@pytest.fixture
def models(house: House, pm: Person) -> House:
    """An installation in which team-7 answers and team-8 was trained."""
    shelf = house.runtime.shelf
    with house.runtime.database.write() as session:
        registry.adopt_first(session, shelf, Task.TEAM, now=house.now)
        for name in ("team-7", "team-8"):
            (shelf.own / name).mkdir(parents=True, exist_ok=True)
            registry.register(
                session, name, Task.TEAM, base="team-1", run_id=None, shelf=shelf, up_to=0, figures={}, now=house.now
            )
    pm.post(f"{V1}/models/team-7/promote", json={"reason": "It is better"})
    pm.post(f"{V1}/experiments/1/stop", json={"reason": "It is trusted"})
    return house


def start(pm: Person, challenger: str = "team-8", kind: str = "shadow", **given: Any) -> dict[str, Any]:
    body = {"challenger": challenger, "kind": kind, "reason": "To know", **given}
    answer = pm.post(f"{V1}/experiments", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def report(house: House, pm: Person, *, experiment: int, silent: str, version: str, word: str | None = None) -> None:
    """A bug of Backend on which the other model says something, and what a PM says of it."""
    house.assessor.say_silently(experiment, silent, version=version)
    bug_id = pm.report("The export fails")["id"]
    if word:
        given = pm.post(f"{V1}/feedback", json={"bug_id": bug_id, "task": "team", "label": word})
        assert given.status_code == 201, given.text


def conclude(house: House, *, promote: bool = True, days: float = 0) -> list[str]:
    now = house.now + timedelta(days=days)
    with house.runtime.database.write() as session:
        return deciding.conclude_won(session, house.runtime.shelf, promote=promote, now=now)


def champion_of(pm: Person) -> str:
    return next(str(one["name"]) for one in pm.get(f"{V1}/models").json() if one["stage"] == "champion")


def test_a_shadow_changes_nothing_that_anybody_sees_and_is_measured(models: House, pm: Person) -> None:
    started = start(pm)
    assert (started["champion"], started["challenger"], started["winner"]) == ("team-7", "team-8", None)
    for word in ("Mobile", "Mobile", "Backend", None, *["DevOps"] * 3):
        report(models, pm, experiment=started["id"], silent="Mobile", version="team-8", word=word)
    report(models, pm, experiment=started["id"], silent="Backend", version="team-8")
    assert {bug["team"] for bug in pm.get(f"{V1}/bugs").json()["items"]} == {"Backend", "Mobile", "DevOps"}
    found = pm.get(f"{V1}/experiments/{started['id']}").json()["comparison"]
    assert (found["n"], found["n_agreed"], found["only_champion"], found["only_challenger"]) == (8, 1, 2, 2)
    assert conclude(models) == []


def test_a_challenger_that_people_correct_less_answers_for_all(models: House, pm: Person) -> None:
    started = start(pm, kind="ab")
    for _ in range(25):
        report(models, pm, experiment=started["id"], silent="Mobile", version="team-8", word="DevOps")
        report(models, pm, experiment=started["id"], silent="Mobile", version="team-7")
    (outcome,) = conclude(models)
    assert outcome == ("People corrected team-8 on 0 of 25 bugs, team-7 on 25 of 25. It answers for all now.")
    assert champion_of(pm) == "team-8"
    newest, ended, _ = pm.get(f"{V1}/experiments").json()["items"]
    assert (ended["winner"], ended["outcome"]) == ("challenger", outcome)
    assert ended["comparison"]["corrected_of_champion"] == 25
    assert (newest["kind"], newest["champion"], newest["challenger"]) == ("probation", "team-8", "team-7")
    assert conclude(models) == [], "what has ended is not concluded again"


def test_where_a_pm_decides_the_better_challenger_waits_for_one(models: House, pm: Person) -> None:
    started = start(pm, kind="ab")
    for _ in range(25):
        report(models, pm, experiment=started["id"], silent="Mobile", version="team-8", word="DevOps")
        report(models, pm, experiment=started["id"], silent="Mobile", version="team-7")
    (outcome,) = conclude(models, promote=False)
    assert outcome.endswith("A PM may promote it.")
    assert champion_of(pm) == "team-7"


def test_a_challenger_that_people_correct_more_goes_and_the_champion_answers_for_all_again(
    models: House, pm: Person
) -> None:
    started = start(pm, kind="ab")
    for _ in range(25):
        report(models, pm, experiment=started["id"], silent="Mobile", version="team-8")
        report(models, pm, experiment=started["id"], silent="Mobile", version="team-7", word="DevOps")
    (outcome,) = conclude(models)
    assert outcome.endswith("team-7 answers for all again.")
    assert champion_of(pm) == "team-7"


def test_a_new_model_that_is_worse_than_the_former_one_goes_back_on_its_own_and_says_why(
    models: House, pm: Person
) -> None:
    pm.post(f"{V1}/models/team-8/promote", json={"reason": "It passed"})
    (probation, *_) = pm.get(f"{V1}/experiments").json()["items"]
    assert (probation["kind"], probation["challenger"]) == ("probation", "team-7")
    for _ in range(9):
        report(models, pm, experiment=probation["id"], silent="Mobile", version="team-7", word="Mobile")
    assert conclude(models) == [], "nine may be chance"
    for _ in range(3):
        report(models, pm, experiment=probation["id"], silent="Mobile", version="team-7", word="Mobile")
    (outcome,) = conclude(models, promote=False)
    assert outcome == (
        "Of 12 bugs team-7 alone would have been right on 12, team-8 alone on 0. So team-7 answers again."
    )
    assert champion_of(pm) == "team-7"
    last = pm.get(f"{V1}/models/team-7").json()["history"][-1]
    assert (last["actor"], last["reason"]) == (None, outcome)
    actions = [entry["action"] for entry in pm.get(f"{V1}/audit").json()["items"]]
    assert {"experiment.ended", "model.rolled_back"} <= set(actions)
    (told,) = pm.get("/api/v1/notifications").json()["items"]
    assert (told["kind"], told["bug_id"], told["actor"], told["said"]) == ("model", None, None, outcome)


def test_a_comparison_ends_without_a_winner_after_as_many_bugs_as_were_allowed(models: House, pm: Person) -> None:
    started = start(pm, n_most=50)
    for _ in range(50):
        report(models, pm, experiment=started["id"], silent="Backend", version="team-8")
    assert conclude(models) == [], "nobody has had the time to correct them"
    (outcome,) = conclude(models, days=2)
    assert outcome.endswith("No difference was found.")
    assert pm.get(f"{V1}/experiments/{started['id']}").json()["winner"] == "neither"


def test_a_promotion_ends_what_was_being_compared(models: House, pm: Person) -> None:
    started = start(pm)
    pm.post(f"{V1}/models/team-1/promote", json={"reason": "The first one was best"})
    ended = pm.get(f"{V1}/experiments/{started['id']}").json()
    assert ended["outcome"] == "team-1 answers now: The first one was best"
    report(models, pm, experiment=started["id"], silent="Mobile", version="team-8")
    assert pm.get(f"{V1}/experiments/{started['id']}").json()["comparison"]["n"] == 0


def test_a_comparison_is_stopped_once_and_says_by_whom(models: House, pm: Person) -> None:
    number = start(pm)["id"]
    stopped = pm.post(f"{V1}/experiments/{number}/stop", json={"reason": "We know enough"}).json()
    assert (stopped["outcome"], stopped["winner"]) == ("Stopped by pia: We know enough", None)
    again = pm.post(f"{V1}/experiments/{number}/stop", json={"reason": "We know enough"})
    assert (again.status_code, again.json()["code"]) == (409, "ExperimentEnded")
    assert pm.post(f"{V1}/experiments/99/stop", json={"reason": "Why not"}).status_code == 404
    assert pm.get(f"{V1}/experiments/99").status_code == 404


def _refused_by_the_gate(house: House, name: str) -> None:
    with house.runtime.database.write() as session:
        run = retraining.request_retraining(session, Trigger.MANUAL, actor=None, now=house.now)
        rule = {"name": "learned something", "passed": False, "text": "It learned nothing."}
        session.add(
            GateVerdict(
                run_id=run.id,
                task=Task.TEAM,
                candidate=name,
                champion="team-7",
                passed=False,
                rules=[rule],
                created_at=house.now,
            )
        )


def test_what_cannot_be_compared_is_refused_and_nothing_is_recorded(models: House, pm: Person) -> None:
    def refused(**body: Any) -> tuple[int, str]:
        answer = pm.post(f"{V1}/experiments", json={"kind": "shadow", "reason": "To know", **body})
        return answer.status_code, answer.json()["code"]

    assert refused(challenger="team-99") == (404, "NotFound")
    assert refused(challenger="team-7") == (409, "AlreadyChampion")
    assert refused(challenger="team-8", kind="probation") == (422, "MalformedRequest")
    assert refused(challenger="team-8", n_most=10) == (422, "MalformedRequest")
    assert refused(challenger="team-8", reason="") == (422, "MalformedRequest")
    _refused_by_the_gate(models, "team-8")
    assert refused(challenger="team-8", kind="ab") == (409, "NotPassed")
    assert len(pm.get(f"{V1}/experiments").json()["items"]) == 1
    start(pm)
    assert refused(challenger="team-1") == (409, "ExperimentRunning"), "a refused one may still answer silently"
