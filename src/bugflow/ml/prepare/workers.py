"""Worker processes of one thread each, which end when the process that started them is gone."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

SECONDS_BETWEEN_LOOKS = 0.5
ONE_THREAD = {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""Read when a library is loaded, so they must be set before a worker starts."""


def start_worker(parent: int) -> None:
    """Watch the parent: after kill -9 nobody else would tell this process to end."""
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


@contextmanager
def environment_of_workers() -> Iterator[None]:
    """What a process started meanwhile inherits."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    os._exit(1)
