"""An installation with the shipped models and its jobs running, and what people report and correct there."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from tests.factories import CHEAP_PASSWORDS, House, Person, make_settings, open_house, replace_sqlite
from tests.fakes import FakeAssessor, FakeClock

from bugflow.runtime import build_runtime, following_models, make_tokens
from bugflow.worker.executor import running_jobs

KINDS = {
    "invoices": "The invoice total is wrong after the nightly export of ledger entries",
    "buttons": "The submit button overlaps the menu and the layout of the page breaks",
    "phones": "On the phone the app closes when the screen is rotated by a swipe",
    "deploys": "The docker container does not start after the deployment of the cluster",
    "queries": "The database query of the server times out and answers with an error 500",
}
WORDS = ("today", "again", "often", "since Monday", "for two users", "in the evening", "after an update", "at once")
TEAMS = ("Backend", "Frontend", "Mobile", "DevOps")


@dataclass
class Loop:
    """A running installation and the people in it.

    Attributes:
        bugs: Id of each reported bug, by kind.
    """

    house: House
    pm: Person
    tester: Person
    bugs: dict[str, list[int]] = field(default_factory=dict)

    def report(self, kind: str, n: int) -> None:
        draw = random.Random(kind)
        for number in range(n):
            words = " ".join(draw.sample(WORDS, 3))
            report = self.tester.report(f"{KINDS[kind]}, {words}, case {number}", project="Ledger")
            self.bugs.setdefault(kind, []).append(report["id"])

    def correct(self, bug_id: int, team: str) -> dict[str, Any]:
        answer = self.pm.post("/update_bug", json={"bug_id": bug_id, "correction_team": team, "reason": "Not theirs"})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def ask(self, kind: str) -> dict[str, Any]:
        body = {"description": f"{KINDS[kind]}, last night", "project": "Ledger"}
        answer = self.tester.post("/predict?duplicates=false", json=body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def run(self, run_id: int) -> dict[str, Any]:
        return dict(self.pm.get(f"/api/v1/retraining/{run_id}").json())

    def wait(self, condition: Callable[[], bool], *, what: str, seconds: float = 120) -> None:
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, f"did not happen: {what}"
            time.sleep(0.05)

    def wait_for_run(self, run_id: int) -> dict[str, Any]:
        self.wait(lambda: self.run(run_id)["ended_at"] is not None, what="the run ends")
        return self.run(run_id)


@contextmanager
def open_loop(folder: Path, sqlite_template: Path, **overrides: Any) -> Iterator[Loop]:
    settings = make_settings(folder / "data", retrain_after_corrections=50, **overrides)
    settings.data_dir.mkdir()
    replace_sqlite(sqlite_template, settings.data_dir / "bugflow.db")
    runtime = build_runtime(settings)
    runtime = replace(runtime, tokens=make_tokens(settings, CHEAP_PASSWORDS))
    clock = FakeClock()
    clock.now = runtime.clock()
    with (
        following_models(runtime),
        running_jobs(runtime),
        open_house(runtime, clock=clock, assessor=FakeAssessor()) as house,
    ):
        yield Loop(house, house.person("pia", "pm"), house.person("tom"))
    runtime.database.engine.dispose()


@pytest.fixture
def loop(tmp_path: Path, sqlite_template: Path) -> Iterator[Loop]:
    with open_loop(tmp_path, sqlite_template) as loop:
        yield loop
