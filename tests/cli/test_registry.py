"""`bugflow models registered|promote|roll-back`, `bugflow retrain`."""

import contextlib
import getpass
import sqlite3
from pathlib import Path

from tests.cli.conftest import Run
from tests.factories import make_settings

from bugflow.domain.predictions import Task
from bugflow.ml.shelf import Shelf
from bugflow.runtime import open_database, utc_now
from bugflow.services import registry


def register(folder: Path, name: str) -> None:
    database, shelf = open_database(make_settings(folder)), Shelf(folder / "models")
    (shelf.own / name).mkdir(parents=True)
    with database.write() as session:
        registry.adopt_first(session, shelf, Task.TEAM, now=utc_now())
        registry.register(
            session, name, Task.TEAM, base="team-1", run_id=None, shelf=shelf, up_to=0, figures={}, now=utc_now()
        )
    database.engine.dispose()


def test_a_model_is_promoted_and_gone_back_from(run: Run, migrated: Path) -> None:
    assert "Nothing was trained here yet" in run("models", "registered").out
    register(migrated, "team-2")
    assert run("models", "promote", "team-2", "--reason", "It is better").out == "team-2 answers for team now.\n"
    assert "champion" in run("models", "registered").out
    with contextlib.closing(sqlite3.connect(migrated / "bugflow.db")) as known:
        [(reason,)] = known.execute("SELECT reason FROM model_stage WHERE model = 'team-2'").fetchall()
    assert reason == f"It is better ({getpass.getuser()}, command line)"
    back = run("models", "roll-back", "team", "--reason", "It was not")
    assert (back.code, back.out) == (0, "team-1 answers for team again.\n")


def test_what_is_not_there_is_named(run: Run, migrated: Path) -> None:
    missing = run("models", "promote", "team-9", "--reason", "Why not")
    assert missing.code
    assert "There is no model 'team-9'" in missing.err
    nothing = run("models", "roll-back", "team", "--reason", "Why not")
    assert "No other model has answered for team before" in nothing.err


def test_a_retraining_that_was_asked_for_waits_for_a_worker(run: Run, migrated: Path) -> None:
    assert run("retrain").out == "Run 1: queued, waiting for a worker.\n"
    assert run("retrain").out == "Run 1: queued, waiting for a worker.\n"


def test_models_are_compared_and_the_comparison_stopped(run: Run, migrated: Path) -> None:
    assert "No two models were compared yet" in run("models", "comparisons").out
    register(migrated, "team-2")
    started = run("models", "compare", "team-2", "--half", "--reason", "To know")
    assert started.out == "Experiment 1: team-2 answers for half of the bugs, beside team-1.\n"
    assert "team-2" in run("models", "comparisons").out
    second = run("models", "compare", "team-2", "--reason", "To know")
    assert "Stop experiment 1 first" in second.err
    assert run("models", "stop", "1", "--reason", "Enough").out == "Experiment 1 has ended; team-1 answers on.\n"
