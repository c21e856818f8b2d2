"""How long it takes from the 50th correction to the next model, and what those who ask meanwhile notice.

Run `python benchmarks/retraining.py [--json FILE]` on a quiet machine; needs the bug reports of BUGFLOW_BENCH_DATA. The
installation is the default one: one process answers and trains. Its people have given the work of one team to another.
"""

import threading
import time
from statistics import median, quantiles
from typing import Any

import polars as pl

from bugflow.ml.reports import to_texts
from house import api_of, trial

N_BUGS, N_CORRECTED = 400, 50
N_BEFORE = 600  # requests before the correction, for comparison
ASK_EVERY_SECONDS = 0.05
MINUTE_SECONDS = 60  # what a retraining may take; requests are counted over it too, whatever it took
FORMER, NEW = "Backend", "DevOps"


def main() -> None:
    with trial("xamarin") as house, api_of(house.environment) as (client, _, _process):
        texts = to_texts(pl.read_parquet(house.files).gather_every(40).head(N_BUGS + 200).fill_null(""))
        bugs = []
        for text in texts[:N_BUGS]:
            body = {"title": text.title, "description": text.description or text.title, "project": "Ledger"}
            bugs.append(client.post("/report_bug", json=body).raise_for_status().json())
        asked = [f"{text.title} once more" for text in texts[N_BUGS:]]
        house.figures.update(measure(client, bugs, asked))


def measure(client: Any, bugs: list[dict[str, Any]], asked: list[str]) -> dict[str, Any]:
    """Correct bugs while somebody asks for predictions twenty times a second, until another model answers."""
    moments: list[tuple[float, float, int]] = []
    ended = threading.Event()

    def keep_asking() -> None:
        number = 0
        while not ended.wait(ASK_EVERY_SECONDS):
            started = time.perf_counter()
            body = {"description": f"{asked[number % len(asked)]} {number}", "project": "Ledger"}
            status = client.post("/predict", json=body).status_code
            moments.append((started, (time.perf_counter() - started) * 1000, status))
            number += 1

    def team_model() -> str:
        answer = client.post("/predict?duplicates=false", json={"description": "Which model?", "project": "Ledger"})
        return str(answer.json()["predictions"]["team"]["model_version"])

    thread = threading.Thread(target=keep_asking, daemon=True)
    thread.start()
    while len(moments) < N_BEFORE:
        time.sleep(0.1)
    answer: dict[str, Any] = {}
    for bug in [bug for bug in bugs if bug["team"] == FORMER][:N_CORRECTED]:
        body = {"bug_id": bug["id"], "correction_team": NEW, "reason": "They do it now"}
        answer = client.post("/update_bug", json=body).json()
    fiftieth = time.perf_counter()
    run_id = answer["retraining"]["run_id"]
    run: dict[str, Any] = {"ended_at": None}
    while run["ended_at"] is None:
        time.sleep(0.2)
        run = client.get(f"/api/v1/retraining/{run_id}").json()
    judged = time.perf_counter()
    while run["state"] == "promoted" and team_model() == "team-1":
        time.sleep(0.1)
    swapped = time.perf_counter()
    time.sleep(max(0.0, fiftieth + MINUTE_SECONDS - swapped))
    ended.set()
    thread.join()
    before = [ms for at, ms, _ in moments if at < fiftieth][:N_BEFORE]
    during = [ms for at, ms, _ in moments if fiftieth <= at <= swapped]
    return {
        "run": run["state"],
        "outcome": run["outcome"],
        "judged_after_seconds": round(judged - fiftieth, 1),
        "swapped_after_seconds": round(swapped - fiftieth, 1),
        "requests_before": _latency(before),
        "requests_during": _latency(during),
        "requests_in_the_minute": _latency([ms for at, ms, _ in moments if fiftieth <= at]),
        "failed": sum(status != 200 for _, _, status in moments),
    }


def _latency(milliseconds: list[float]) -> dict[str, Any]:
    p95 = quantiles(milliseconds, n=20)[-1] if len(milliseconds) > 1 else 0.0
    return {"n": len(milliseconds), "p50_ms": round(median(milliseconds or [0.0]), 1), "p95_ms": round(p95, 1)}


if __name__ == "__main__":
    main()
