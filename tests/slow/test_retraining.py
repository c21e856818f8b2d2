"""kill -9 in each step of a retraining: it goes on there, ends once, and the champion answers throughout."""

import os
import sqlite3
import time
from typing import Any

import httpx2
import pytest
from tests.slow.processes import Place, Running, sign_in

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

KINDS = {
    "DevOps": "The invoice total is wrong after the nightly export of ledger entries",
    "Mobile": "The submit button overlaps the menu and the layout of the page breaks",
}
WORDS = ("today", "again", "often", "since Monday", "for two users", "in the evening", "after an update", "at once")
STEPS = ("waiting for a worker", "planned", "learning team", "judged team")


def rows(place: Place, query: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(f"file:{place.folder / 'data' / 'bugflow.db'}?mode=ro", uri=True)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def correct(client: httpx2.Client, n: int) -> dict[str, Any]:
    """Report n bugs, then correct them: a report after a correction of its like would already be right."""
    bugs = []
    for number in range(n):
        team, text = list(KINDS.items())[number % 2]
        description = f"{text}, {WORDS[number % 8]} {WORDS[number % 7]}, case {number}"
        bugs.append((client.post("/report_bug", json={"description": description, "project": "Ledger"}).json(), team))
    answer: dict[str, Any] = {}
    for bug, team in bugs:
        done = client.post("/update_bug", json={"bug_id": bug["id"], "correction_team": team})
        assert done.status_code == 200, done.text
        answer = done.json()
    return answer


def kill_at(place: Place, api: Running, step: str) -> None:
    """Kill it once the run has come to a step, or at the latest when the run has ended."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        ((now, ended),) = rows(place, "SELECT step, ended_at FROM retraining_run ORDER BY id DESC LIMIT 1")
        if now == step or ended:
            break
        time.sleep(0.005)
    api.process.kill()
    api.process.wait()


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("time_over", range(int(os.environ.get("BUGFLOW_KILLS", "1"))))
def test_a_killed_retraining_goes_on_and_ends_once(place: Place, step: str, time_over: int) -> None:
    """`BUGFLOW_KILLS=20` kills twenty times in each step; they come at other moments each time."""
    place.settings["BUGFLOW_RETRAIN_AFTER_CORRECTIONS"] = "40"
    place.prepare()
    api = place.start_api()
    with sign_in(api.url, "pia") as client:
        last = correct(client, 44)
        assert last["retraining"] is not None
    kill_at(place, api, step)
    api = place.start_api()
    with sign_in(api.url, "pia") as client:
        run_id = last["retraining"]["run_id"]
        until = time.monotonic() + 120
        while (run := client.get(f"/api/v1/retraining/{run_id}").json())["ended_at"] is None:
            assert time.monotonic() < until, run
            assert client.post("/predict?duplicates=false", json={"description": KINDS["DevOps"]}).status_code == 200
            time.sleep(0.1)
    assert run["state"] in {"promoted", "refused"}, run
    assert [verdict["task"] for verdict in run["verdicts"]] == ["team"]
    candidate = run["verdicts"][0]["candidate"]
    assert rows(place, f"SELECT count(*) FROM model WHERE name = '{candidate}'") == [(1,)]
    assert rows(place, f"SELECT count(*) FROM model_stage WHERE model = '{candidate}' AND stage = 'candidate'") == [
        (1,)
    ]
    assert not list((place.folder / "data" / "models").glob(".*")), "nothing half written is left"
    api.end()
