"""Learning in a process of its own: it imports no jobs and no routes, which would take as long as the learning."""

import os
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from multiprocessing import get_context
from typing import Any

from bugflow.config import Settings
from bugflow.domain.predictions import Task
from bugflow.ml.prepare.workers import environment_of_workers, start_worker
from bugflow.ml.shelf import Shelf
from bugflow.runtime import open_database
from bugflow.services.training import steps

NICE = 10  # a ninth of a core beside a request that wants it, all of it else


def fit_apart(settings: Settings, shelf: Shelf, run_id: int, task: Task, *, now: datetime) -> dict[str, Any] | None:
    """`steps.fit`, out of the way of whoever asks for a prediction meanwhile."""
    with environment_of_workers(), ProcessPoolExecutor(1, get_context("spawn"), _give_way, (os.getpid(),)) as process:
        return process.submit(_fit, settings, shelf, run_id, task, now).result()


def _give_way(parent: int) -> None:
    """Learning takes seconds of both cores; whoever asks for a prediction meanwhile goes first."""
    start_worker(parent)
    os.nice(NICE)


def _fit(settings: Settings, shelf: Shelf, run_id: int, task: Task, now: datetime) -> dict[str, Any] | None:
    database = open_database(settings)
    try:
        return steps.fit(database, shelf, run_id, task, now=now)
    finally:
        database.engine.dispose()
