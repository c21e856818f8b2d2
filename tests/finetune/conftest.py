"""One tiny network, trained once: killed in the middle and started again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.finetune.builders import toy_recipe, write_base, write_tracker

DEADLINE_SECONDS = 200  # of the first start, most of it imports
PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[4])
from tests.finetune.builders import toy_recipe
from bugflow.ml.finetune.run import train_transformer
train_transformer([Path(sys.argv[1])], toy_recipe(Path(sys.argv[2])), out=Path(sys.argv[3]))
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "restarted" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Two threads of a tiny network wait for one another longer than they work, and on busy cores ten times longer."""
    import torch

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        yield
        torch.set_num_threads(before)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Hugging Face folder of a tiny DistilBERT."""
    return write_base(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture(scope="session")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tracker(tmp_path_factory.mktemp("reports") / "tracker.parquet", 200)


@dataclass(frozen=True)
class Restarted:
    """What is left of a training that was killed and started again.

    Attributes:
        model: Its folder.
        after_kill: What lay beside it when the first start was dead.
        said: What the second start said.
    """

    model: Path
    after_kill: list[str]
    said: list[str]


@pytest.fixture(scope="session")
def restarted(tmp_path_factory: pytest.TempPathFactory, base: Path, tracker: Path) -> Restarted:
    from bugflow.ml.finetune.run import train_transformer

    out = tmp_path_factory.mktemp("models") / "owner-1"
    command = [sys.executable, "-c", PROGRAM, str(tracker), str(base), str(out), str(Path(__file__).parents[2])]
    with subprocess.Popen(command) as process:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while len(list(out.parent.glob(".owner-1-*.work/checkpoints/*/trainer_state.json"))) < 2:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    after_kill = [path.name for path in out.parent.iterdir()]
    said: list[str] = []
    train_transformer([tracker], toy_recipe(base), out=out, progress=said.append)
    return Restarted(out, after_kill, said)
