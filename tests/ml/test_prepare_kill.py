"""The promise that a kill -9 costs time and nothing else, with real processes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bugflow.ml.prepare import plan
from bugflow.ml.prepare.options import Options
from bugflow.ml.prepare.run import prepare

PROGRAM = """
import sys
from pathlib import Path
from bugflow.ml.prepare import plan
from bugflow.ml.prepare.options import Options
from bugflow.ml.prepare.run import prepare
if __name__ == "__main__":
    plan.UNIT_BYTES = 20_000
    prepare([Path(sys.argv[1])], Path(sys.argv[2]), Options(), workers=2, progress=lambda *_: None)
"""


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes as Linux shows them")
def test_a_killed_run_is_resumed_to_the_same_bytes_and_leaves_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bugs, program = tmp_path / "bugs.jsonl", tmp_path / "program.py"
    lines = [json.dumps({"title": f"Crash {n}", "description": f"Page {n} of {n * 7} is empty"}) for n in range(30_000)]
    bugs.write_text("\n".join(lines) + "\n")
    program.write_text(PROGRAM)
    with subprocess.Popen([sys.executable, str(program), str(bugs), str(tmp_path / "killed")]) as process:
        work = tmp_path / ".killed.work"
        while len(list(work.glob("unit-*.json"))) < 10:
            assert process.poll() is None
            time.sleep(0.01)
        workers = _children(process.pid)
        os.kill(process.pid, signal.SIGKILL)
    assert not (tmp_path / "killed").exists()
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < deadline, "a worker outlives its parent"
        time.sleep(0.05)
    monkeypatch.setattr(plan, "UNIT_BYTES", 20_000)
    for name in ("killed", "whole"):
        prepare([bugs], tmp_path / name, Options(), workers=1, progress=lambda *_: None)
    for path in (tmp_path / "whole").iterdir():
        assert path.read_bytes() == (tmp_path / "killed" / path.name).read_bytes()
    assert not work.exists()
