"""kill -9 of a worker while it tells people: everything arrives, and what was on its way can be told by its id."""

import sqlite3
import time
from collections import Counter

import pytest
from tests.receivers import MailServer, WebHook, mail_server, web_hook
from tests.slow.processes import PASSWORD, Place, sign_in

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

N_EVENTS = 50


def prepare(place: Place, hook: WebHook, mail: MailServer) -> None:
    """A developer with two channels, and fifty events that wait for a worker."""
    place.settings |= {
        "BUGFLOW_JOBS_IN_API": "false",
        "BUGFLOW_ALLOW_PRIVATE_RECEIVERS": "true",
        "BUGFLOW_SMTP_URL": mail.url,
    }
    place.prepare()
    place.do("users", "create", "dev", "--role", "developer", "--password-stdin", typed=PASSWORD)
    api = place.start_api()
    with sign_in(api.url, "dev") as dev:
        dev_id = dev.get("/api/v1/me").json()["id"]
        for address in (hook.url, "dev@example.com"):
            assert dev.post("/api/v1/channels", json={"address": address}).status_code == 201
    with sign_in(api.url, "ann") as ann:
        for number in range(N_EVENTS):
            body = {"description": f"Case {number} fails", "project": "Shop", "assigned_to_id": dev_id}
            assert ann.post("/report_bug", json=body).status_code == 201
    api.end()


def n_waiting(place: Place) -> int:
    connection = sqlite3.connect(f"file:{place.folder / 'data' / 'bugflow.db'}?mode=ro", uri=True)
    try:
        found: int = connection.execute("SELECT count(*) FROM delivery WHERE state <> 'sent'").fetchone()[0]
    finally:
        connection.close()
    return found


def test_fifty_messages_of_a_killed_worker_arrive_once(place: Place) -> None:
    with web_hook(pause_seconds=0.05) as hook, mail_server() as mail:
        prepare(place, hook, mail)
        for n_come in (7, 20, 35):
            worker = place.start("worker")
            hook.wait_for(n_come)
            worker.process.kill()
            worker.process.wait()
        worker = place.start("worker")
        worker.wait_for(lambda: n_waiting(place) == 0, what="all is sent", seconds=120)
        worker.end()
    posted = Counter(body["events"][0]["bug_id"] for body in hook.posted)
    assert sorted(posted) == list(range(1, N_EVENTS + 1))
    keys = Counter(hook.keys)
    assert len(keys) == N_EVENTS, "what came twice came under the same id"
    assert sum(keys.values()) <= N_EVENTS + 3, "at most one message was on its way at each kill"
    ids = Counter(one["Message-ID"] for one in mail.mails)
    assert len(ids) == N_EVENTS
    assert sum(ids.values()) <= N_EVENTS + 3


def test_a_worker_ends_in_time_while_a_receiver_does_not_answer(place: Place) -> None:
    with web_hook(pause_seconds=60) as hook, mail_server() as mail:
        prepare(place, hook, mail)
        worker = place.start("worker")
        hook.wait_for(1)
        began = time.monotonic()
        worker.process.terminate()
        worker.wait(30)
        assert time.monotonic() - began < 10
