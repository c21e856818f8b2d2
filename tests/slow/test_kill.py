"""kill -9 under load: no acknowledged write is lost, none is half there, and the next start is ready at once."""

import random
import sqlite3
import threading
import time
from contextlib import ExitStack
from itertools import count
from typing import Any

import httpx2
import pytest
from tests.slow.processes import Place, Running, free_port, sign_in

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

N_ACKNOWLEDGED = 1_000
N_THREADS = 4
MAX_START_SECONDS = 15
"""The promise is 5 s on an idle machine (measured: 3 s); machines of CI are neither idle nor fast."""


def _report_until_refused(client: httpx2.Client, numbers: Any, stop: threading.Event, seen: dict[int, str]) -> None:
    while not stop.is_set():
        title = f"Bug {next(numbers)}"
        try:
            answer = client.post("/report_bug", json={"title": title, "description": "It fails", "project": "Shop"})
        except httpx2.RequestError:
            return
        assert answer.status_code == 201, answer.text
        seen[answer.json()["id"]] = title


def _load_and_kill(api: Running, numbers: Any, seen: dict[int, str], *, after: int) -> None:
    """Report from several threads; kill the server some acknowledgements later, at a random moment."""
    stop, goal = threading.Event(), len(seen) + after
    with ExitStack() as stack:
        clients = [stack.enter_context(sign_in(api.url)) for _ in range(N_THREADS)]
        threads = [
            threading.Thread(target=_report_until_refused, args=(client, numbers, stop, seen), daemon=True)
            for client in clients
        ]
        for thread in threads:
            thread.start()
        api.wait_for(lambda: len(seen) >= goal, what=f"{after} acknowledged reports", seconds=240)
        time.sleep(random.uniform(0, 0.05))
        api.process.kill()
        api.process.wait()
        stop.set()
        for thread in threads:
            thread.join(timeout=60)
            assert not thread.is_alive()


def _half_there(place: Place) -> dict[str, int]:
    """How many bugs lack a part, or parts lack a bug; empty is good."""
    connection = sqlite3.connect(f"file:{place.folder / 'data' / 'bugflow.db'}?mode=ro", uri=True)
    queries = {
        "without two predictions": "SELECT count(*) FROM bug b WHERE 2 <> "
        "(SELECT count(*) FROM prediction p WHERE p.bug_id = b.id)",
        "without one event": "SELECT count(*) FROM bug b WHERE 1 <> "
        "(SELECT count(*) FROM bug_event e WHERE e.bug_id = b.id)",
        "without one audit entry": "SELECT count(*) FROM bug b WHERE 1 <> "
        "(SELECT count(*) FROM audit_entry a WHERE a.subject = 'bug:' || b.id)",
        "predictions of nothing": "SELECT count(*) FROM prediction WHERE bug_id NOT IN (SELECT id FROM bug)",
        "events of nothing": "SELECT count(*) FROM bug_event WHERE bug_id NOT IN (SELECT id FROM bug)",
        "entries of nothing": "SELECT count(*) FROM audit_entry WHERE subject LIKE 'bug:%' "
        "AND substr(subject, 5) NOT IN (SELECT CAST(id AS TEXT) FROM bug)",
    }
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        found = {name: connection.execute(query).fetchone()[0] for name, query in queries.items()}
    finally:
        connection.close()
    return {name: n for name, n in found.items() if n}


def test_kill_9_of_the_api_under_load_loses_no_acknowledged_write(place: Place) -> None:
    place.prepare()
    numbers, seen = count(), dict[int, str]()
    port = free_port()
    starts = []
    for share in (0.2, 0.5, 0.3):
        begin = time.monotonic()
        api = place.start_api(port)
        starts.append(time.monotonic() - begin)
        _load_and_kill(api, numbers, seen, after=int(N_ACKNOWLEDGED * share))
    begin = time.monotonic()
    api = place.start_api(port)
    starts.append(time.monotonic() - begin)
    assert len(seen) >= N_ACKNOWLEDGED
    with sign_in(api.url) as ann:
        for bug_id, title in random.Random(7).sample(sorted(seen.items()), 50):
            assert ann.get(f"/api/v1/bugs/{bug_id}").json()["title"] == title
        assert ann.post("/report_bug", json={"description": "Still works", "project": "Shop"}).status_code == 201
    assert api.end() == 0
    with sqlite3.connect(place.folder / "data" / "bugflow.db") as connection:
        kept = dict(connection.execute("SELECT id, title FROM bug").fetchall())
    connection.close()
    assert {bug_id: kept.get(bug_id) for bug_id in seen} == seen
    assert _half_there(place) == {}
    assert "all whole" in place.do("audit", "verify")
    assert max(starts) <= MAX_START_SECONDS, starts


def test_kill_9_of_an_import_is_made_good_by_running_it_again(place: Place) -> None:
    place.do("db", "upgrade")
    n = 3_000
    path = place.folder / "old.csv"
    path.write_text("id,title\n" + "".join(f"{k},Bug {k} crashes the server\n" for k in range(n)))
    database = place.folder / "data" / "bugflow.db"

    def n_bugs() -> int:
        with sqlite3.connect(database) as connection:
            found: int = connection.execute("SELECT count(*) FROM bug").fetchone()[0]
        connection.close()
        return found

    first = place.start("import", str(path))
    first.wait_for(lambda: n_bugs() > 0, what="a first batch")
    first.process.kill()
    first.process.wait()
    there = n_bugs()
    assert there % 500 == 0
    printed = place.do("import", str(path))
    assert f"{n:,} rows: {n - there:,} added, {there:,} already there, 0 bad." in printed
    assert n_bugs() == n
    assert "all whole" in place.do("audit", "verify")
