"""The whole loop: corrections train a model, the gate judges it, it answers, one goes back."""

import random
import threading
from dataclasses import replace
from typing import Any

import pytest
from tests.loop.conftest import KINDS, TEAMS, Loop

from bugflow.domain.predictions import Task
from bugflow.ml.artifact import load_artifact
from bugflow.services import registry

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

N_CORRECTED, N_OPEN = 50, 30
N_ASKERS, REQUESTS_A_SECOND = 8, 100  # wished for; in one process with its clients, two cores come to 35
UNLIKE = (
    "The login page shows a blank white screen in Firefox",
    "Uploading a photo from the gallery crashes the app on Android",
    "Nightly backup to the storage bucket has not run since Friday",
    "Totals in the yearly tax report are off by one cent",
    "Dark mode makes the calendar unreadable",
    "Push messages arrive twice when the phone wakes up",
    "The certificate of the staging host has expired",
    "Searching customers by postcode returns nobody",
    "The date picker jumps to January after choosing a year",
    "Bluetooth headphones lose the sound during a call",
    "Memory of the message queue grows until the pod is killed",
    "Webhooks are signed with the wrong key",
    "Long product names overflow the shopping cart",
    "Fingerprint unlock asks for the passcode every time",
    "The build pipeline ignores the cache of packages",
    "Deleting an account leaves its sessions signed in",
)


def other_team(team: str, draw: random.Random) -> str:
    return draw.choice([name for name in TEAMS if name != team])


def probabilities_of(answer: dict[str, Any]) -> dict[str, float]:
    return dict(answer["predictions"]["team"]["probabilities"])


def version_of(answer: dict[str, Any]) -> str:
    return str(answer["predictions"]["team"]["model_version"])


def test_fifty_corrections_train_a_model_that_answers_without_a_failed_request_and_one_can_go_back(loop: Loop) -> None:
    for kind in KINDS:
        loop.report(kind, N_CORRECTED + N_OPEN if kind == "invoices" else 55)
    before = loop.ask("invoices")
    others = {kind: loop.ask(kind)["team"] for kind in KINDS if kind != "invoices"}
    said = {loop.pm.get(f"/api/v1/bugs/{bug_id}").json()["team"] for bug_id in loop.bugs["invoices"]}
    right = next(team for team in reversed(TEAMS) if team not in said)

    stop, failed, n_answered = threading.Event(), [], [0]

    def keep_asking() -> None:
        while not stop.wait(N_ASKERS / REQUESTS_A_SECOND):
            answer = loop.tester.post(
                "/predict?duplicates=false", json={"description": KINDS["buttons"], "project": "Ledger"}
            )
            n_answered[0] += 1
            if answer.status_code != 200:
                failed.append(answer.text)

    answers: list[dict[str, Any]] = []
    threads = [threading.Thread(target=keep_asking, daemon=True) for _ in range(N_ASKERS)]
    try:
        for place, bug_id in enumerate(loop.bugs["invoices"][:N_CORRECTED]):
            answers.append(loop.correct(bug_id, right))
            if place == N_CORRECTED - 2:
                for thread in threads:
                    thread.start()
        assert [answer["retraining"] for answer in answers[:-1]] == [None] * (N_CORRECTED - 1)
        run = loop.wait_for_run(answers[-1]["retraining"]["run_id"])
        assert (run["trigger"], run["state"]) == ("corrections", "promoted"), run
        candidate = run["verdicts"][0]["candidate"]
        loop.wait(lambda: version_of(loop.ask("invoices")) == candidate, what="the new model answers", seconds=10)
    finally:
        stop.set()
        for thread in threads:
            thread.join(timeout=10)
    assert not failed
    assert n_answered[0] > 20

    verdict = run["verdicts"][0]
    assert verdict["passed"]
    assert all(rule["passed"] for rule in verdict["rules"])
    assert {kind: loop.ask(kind)["team"] for kind in others} == others, "what nobody corrected stays"
    after = loop.ask("invoices")
    assert (after["team"], after["source"]) == (right, "model")

    back = loop.pm.post("/api/v1/models/rollback", json={"task": "team", "reason": "To see that it works"})
    assert (back.status_code, back.json()["name"]) == (200, verdict["champion"]), back.text
    loop.wait(lambda: version_of(loop.ask("invoices")) == verdict["champion"], what="the old one answers", seconds=10)
    assert (
        loop.ask("invoices")["predictions"]["team"]["probabilities"] == before["predictions"]["team"]["probabilities"]
    )
    history = loop.pm.get(f"/api/v1/models/{verdict['candidate']}").json()["history"]
    assert [row["stage"] for row in history] == ["candidate", "champion", "retired"]


def test_a_correction_answers_for_near_twins_before_any_model_has_learned_it(loop: Loop) -> None:
    loop.report("queries", 3)
    before = loop.ask("queries")
    assert before["source"] == "model"
    right = next(team for team in TEAMS if team != before["team"])
    loop.correct(loop.bugs["queries"][0], right)
    loop.wait(lambda: loop.ask("queries")["source"] == "memory", what="the correction is remembered", seconds=20)
    twin = loop.ask("queries")["predictions"]["team"]
    assert (twin["label"], twin["decision"], twin["source"]) == (right, "suggest", "memory")
    assert sum(twin["probabilities"].values()) == pytest.approx(1)
    assert loop.ask("phones")["source"] == "model", "what is about something else is not a twin"
    reported = loop.tester.report(f"{KINDS['queries']}, last night", project="Ledger")
    assert (reported["team"], reported["needs_review"]) == (right, True)


def test_a_poisoned_batch_is_refused_in_words_and_the_champion_goes_on(loop: Loop) -> None:
    for kind in KINDS:
        loop.report(kind, 20)
    before = {kind: probabilities_of(loop.ask(kind)) for kind in KINDS}
    draw = random.Random(7)
    last: dict[str, Any] = {}
    ids = [bug_id for ids in loop.bugs.values() for bug_id in ids]
    for bug_id in draw.sample(ids, N_CORRECTED):
        team = loop.pm.get(f"/api/v1/bugs/{bug_id}").json()["team"]
        last = loop.correct(bug_id, other_team(team, draw))
    run = loop.wait_for_run(last["retraining"]["run_id"])
    assert run["state"] == "refused", run
    assert "was refused" in run["outcome"]
    assert {kind: probabilities_of(loop.ask(kind)) for kind in KINDS} == before, (
        "contradicting words are not remembered"
    )
    candidate = run["verdicts"][0]["candidate"]
    refused = loop.pm.post(f"/api/v1/models/{candidate}/promote", json={"reason": "I like it"})
    assert (refused.status_code, refused.json()["code"]) == (409, "NotPassed")


def test_a_worse_model_is_found_out_by_corrections_and_the_former_one_answers_again_on_its_own(loop: Loop) -> None:
    """It answers every bug as the former one would, but for the next team in the alphabet."""
    runtime = loop.house.runtime
    good = load_artifact(runtime.shelf.get("team-1"))
    labels = good.model.labels
    wrong = dict(zip(labels, (*labels[1:], labels[0]), strict=True))
    worse = replace(good, name="team-2", model=replace(good.model, labels=tuple(wrong[label] for label in labels)))
    runtime.shelf.keep(worse)
    with runtime.database.write() as session:
        registry.adopt_first(session, runtime.shelf, Task.TEAM, now=loop.house.now)
        registry.register(
            session,
            "team-2",
            Task.TEAM,
            base="team-1",
            run_id=None,
            shelf=runtime.shelf,
            up_to=0,
            figures={},
            now=loop.house.now,
        )
    before = loop.ask("deploys")
    loop.pm.post("/api/v1/models/team-2/promote", json={"reason": "It looks good"})
    loop.wait(lambda: version_of(loop.ask("deploys")) == "team-2", what="the worse model answers", seconds=10)
    assert loop.ask("deploys")["team"] == wrong[before["team"]]
    for text in UNLIKE:  # else memory would answer after the first correction, and no model be judged
        report = loop.tester.report(text, project="Ledger")
        loop.correct(report["id"], next(label for label, other in wrong.items() if other == report["team"]))
    loop.wait(lambda: version_of(loop.ask("deploys")) == "team-1", what="the former model answers again", seconds=40)
    outcome = loop.pm.get("/api/v1/experiments").json()["items"][0]["outcome"]
    assert outcome.endswith("So team-1 answers again.")
