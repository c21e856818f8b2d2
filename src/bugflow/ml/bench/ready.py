"""A fresh process that loads the shipped models and answers once; prints what that took, as one JSON object."""

import json
import resource
import sys
import time
from pathlib import Path


def main() -> None:
    """Import, load, answer."""
    started = time.perf_counter()
    from bugflow.domain.predictions import BugText  # noqa: PLC0415 - importing is what is timed
    from bugflow.ml.predictor import load_predictor  # noqa: PLC0415

    imported = time.perf_counter()
    predictor = load_predictor()
    loaded = time.perf_counter()
    predictor.assess([BugText("Login button crashes the app", "It worked in the last version.", None)])
    answered = time.perf_counter()
    figures = {
        "import_seconds": round(imported - started, 3),
        "load_seconds": round(loaded - imported, 3),
        "first_seconds": round(answered - loaded, 3),
        "memory_mb": round(_largest_memory_mb(), 1),
    }
    sys.stdout.write(json.dumps(figures) + "\n")


def _largest_memory_mb() -> float:
    status = Path("/proc/self/status")
    if status.is_file():  # the figure of getrusage is on Linux at least that of the process that started this one
        return int(status.read_text(encoding="utf-8").split("VmHWM:")[1].split()[0]) / 2**10
    per_mb = 2**20 if sys.platform == "darwin" else 2**10  # macOS counts bytes, others kilobytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / per_mb


if __name__ == "__main__":
    main()
