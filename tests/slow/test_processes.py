"""Processes of an installation: they start from nothing, share a database, end when asked, and say what is wrong."""

import os
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from dbos import DBOSClient
from tests.postgres import PostgresServer
from tests.slow.processes import (
    Place,
    Running,
    answers,
    children_of,
    free_port,
    is_alive,
    pages_of,
    place_in,
    sign_in,
    wait_until_gone,
)

from bugflow.db.engine import make_engine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

END_SECONDS = 30
"""10 s are promised; beside the other tests, on busy cores, the same takes longer."""


def test_up_in_an_empty_folder_prints_a_password_once_that_signs_in(place: Place) -> None:
    api_port, ui_port = free_port(), free_port()
    ports = ["--api-port", str(api_port), "--ui-port", str(ui_port)]
    up = place.start("up", *ports)
    up.url = f"http://127.0.0.1:{api_port}"
    up.wait_until_ready()
    up.wait_for(lambda: answers(f"http://127.0.0.1:{ui_port}/_stcore/health"), what="pages")
    found = re.search(r"sign in as admin with the password (\S+) \(shown only now\)", up.text())
    assert found, up.text()
    with sign_in(up.url, "admin", found[1]) as admin:
        me = admin.get("/api/v1/me").json()
        assert (me["role"], me["is_admin"]) == ("pm", True)
    assert f"http://127.0.0.1:{ui_port}" in up.text()
    [ui] = children_of(up.process.pid)
    begin = time.monotonic()
    assert up.end() == 0
    assert time.monotonic() - begin <= END_SECONDS
    assert not is_alive(ui)
    assert "Traceback" not in up.text()
    again = place.start("up", *ports)
    again.url = up.url
    again.wait_until_ready()
    assert "password" not in again.text()
    assert again.end() == 0


def test_up_that_is_ended_while_it_starts_leaves_no_pages_behind(place: Place) -> None:
    up = place.start("up", "--api-port", str(free_port()), "--ui-port", str(free_port()))
    up.wait_for(lambda: bool(pages_of(up.process.pid)), what="its pages' process")
    [ui] = pages_of(up.process.pid)
    assert up.end() == 0
    assert not is_alive(ui)


def test_pages_of_an_up_that_is_killed_end_too(place: Place) -> None:
    ui_port = free_port()
    up = place.start("up", "--api-port", str(free_port()), "--ui-port", str(ui_port))
    up.wait_for(lambda: answers(f"http://127.0.0.1:{ui_port}/_stcore/health"), what="pages")
    [ui] = children_of(up.process.pid)
    up.process.kill()
    up.process.wait()
    wait_until_gone(ui)


def test_pages_whose_up_is_killed_while_they_start_end_too(place: Place) -> None:
    up = place.start("up", "--api-port", str(free_port()), "--ui-port", str(free_port()))
    up.wait_for(lambda: bool(pages_of(up.process.pid)), what="its pages' process")
    [ui] = pages_of(up.process.pid)
    up.process.kill()
    up.process.wait()
    wait_until_gone(ui)


def test_up_ends_and_says_so_when_its_pages_do(place: Place) -> None:
    up = place.start("up", "--api-port", str(api_port := free_port()), "--ui-port", str(free_port()))
    up.url = f"http://127.0.0.1:{api_port}"
    up.wait_until_ready()
    [ui] = children_of(up.process.pid)
    os.kill(ui, signal.SIGKILL)
    assert up.wait(END_SECONDS) == 6
    assert "PagesEnded: The web pages ended by themselves (killed by SIGKILL)" in up.text()
    assert "Traceback" not in up.text()
    assert not answers(f"{up.url}/readyz")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_that_reaches_up_and_its_pages_at_once_is_no_failure(place: Place, number: signal.Signals) -> None:
    api_port, ui_port = free_port(), free_port()
    up = place.start("up", "--api-port", str(api_port), "--ui-port", str(ui_port))
    up.url = f"http://127.0.0.1:{api_port}"
    up.wait_until_ready()
    up.wait_for(lambda: answers(f"http://127.0.0.1:{ui_port}/_stcore/health"), what="pages")
    [ui] = children_of(up.process.pid)
    os.killpg(up.process.pid, number)  # as Ctrl-C in a terminal, or a service manager
    assert up.wait(END_SECONDS) == 0
    assert not is_alive(ui)
    assert "Traceback" not in up.text()


@pytest.mark.parametrize("started", [False, True])
def test_ctrl_c_ends_the_pages_without_a_traceback(place: Place, started: bool) -> None:
    ui = place.start("ui", "--port", str(ui_port := free_port()), "--api-url", "http://127.0.0.1:1")
    if started:
        ui.wait_for(lambda: answers(f"http://127.0.0.1:{ui_port}/_stcore/health"), what="pages")
    else:
        proc = Path(f"/proc/{ui.process.pid}")
        ui.wait_for(lambda: b"bugflow.ui" in (proc / "cmdline").read_bytes(), what="the module")
        ui.wait_for(lambda: "site-packages" in (proc / "maps").read_text(), what="imports")
    ui.process.send_signal(signal.SIGINT)
    assert ui.wait(END_SECONDS) == -signal.SIGINT
    assert "Traceback" not in ui.text()


def test_sigterm_lets_requests_under_way_finish(place: Place) -> None:
    place.prepare()
    api = place.start_api()
    n, statuses, sent = 6, list[int](), threading.Barrier(7)

    def report() -> None:
        with socket.create_connection(("127.0.0.1", int(api.url.rsplit(":", 1)[1])), timeout=30) as connection:
            body = b'{"description": "Under way", "project": "Shop"}'
            head = (
                "POST /report_bug HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
                f"Authorization: {token}\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            connection.sendall(head.encode() + body[:10])
            time.sleep(0.5)  # the head has arrived: the request is under way
            sent.wait()
            time.sleep(1)  # the server is ending by now
            connection.sendall(body[10:])
            statuses.append(int(connection.recv(4096).split(b" ", 2)[1]))

    with sign_in(api.url) as ann:
        token = ann.headers["Authorization"]
        threads = [threading.Thread(target=report) for _ in range(n)]
        for thread in threads:
            thread.start()
        sent.wait()
        begin = time.monotonic()
        assert api.end() == 0
        took = time.monotonic() - begin
        for thread in threads:
            thread.join()
    assert statuses == [201] * n
    assert took <= END_SECONDS, api.text()


def test_a_request_that_never_ends_does_not_hold_the_process_back(place: Place) -> None:
    place.prepare()
    api = place.start_api()
    with socket.create_connection(("127.0.0.1", int(api.url.rsplit(":", 1)[1]))) as connection:
        connection.sendall(b"POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        time.sleep(0.3)
        begin = time.monotonic()
        assert api.end() == 0
        assert time.monotonic() - begin <= END_SECONDS


@pytest.mark.parametrize("command", ["api", "up"])
def test_a_taken_port_is_one_clear_line(place: Place, command: str) -> None:
    place.do("db", "upgrade")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        option = {"api": "--port", "up": "--ui-port"}[command]
        more = {"api": [], "up": ["--api-port", str(free_port())]}[command]
        done = place.run(command, option, port, *more)
    assert done.returncode == 6
    said = f"PortTaken: 127.0.0.1:{port} is in use by another program. Choose another port: {option}.\n"
    assert done.stderr == said


def test_an_api_on_a_database_that_was_not_migrated_says_what_to_do(place: Place) -> None:
    done = place.run("api", "--port", str(free_port()))
    assert done.returncode == 6
    assert done.stderr.startswith("DatabaseOutdated:")
    assert "bugflow db upgrade" in done.stderr


@pytest.mark.parametrize("command", [["up"], ["db", "upgrade"], ["db", "status"], ["users", "list"]])
def test_a_data_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "file").write_text("no folder")
    ports = ["--api-port", str(free_port()), "--ui-port", str(free_port())] if command == ["up"] else []
    with place_in(tmp_path, BUGFLOW_DATA_DIR=str(tmp_path / "file" / "data")) as place:
        done = place.run(*command, *ports)
    assert done.returncode == 2
    assert done.stderr.startswith("InvalidSettings:")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", [["up"], ["api"], ["db", "upgrade"], ["users", "list"]])
def test_a_data_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path, command: list[str]) -> None:
    folder = Path("/proc/sys/kernel")  # nobody makes files here, not even root
    if not folder.is_dir():
        pytest.skip("there is no /proc")
    ports = {"up": ["--api-port", str(free_port()), "--ui-port", str(free_port())], "api": ["--port", str(free_port())]}
    with place_in(tmp_path, BUGFLOW_DATA_DIR=str(folder)) as place:
        done = place.run(*command, *ports.get(command[0], []))
    assert done.returncode in {2, 6}
    assert re.match(r"(InvalidSettings|DatabaseUnavailable): ", done.stderr), done.stderr
    assert done.stderr.count("\n") == 1


@pytest.fixture
def shared(tmp_path: Path, postgres: PostgresServer) -> Iterator[Place]:
    """A place on a PostgreSQL of its own."""
    name = postgres.create()
    secret = "0f1e2d3c4b5a69788796a5b4c3d2e1f0" * 2
    with place_in(tmp_path, BUGFLOW_DATABASE_URL=postgres.url(name), BUGFLOW_SECRET_KEY=secret) as place:
        yield place
    postgres.drop(name)


@pytest.mark.postgres
def test_two_apis_and_a_worker_share_bugs_and_tokens(shared: Place) -> None:
    shared.prepare()
    worker = shared.start("worker")
    one, two = shared.start_api(wait=False), shared.start_api(wait=False)
    one.wait_until_ready()
    two.wait_until_ready()
    worker.wait_for(lambda: "Jobs are running" in worker.text(), what="jobs")
    seen: list[int] = []
    with sign_in(one.url) as ann:
        token = ann.headers["Authorization"]

        def report(url: str) -> None:
            with sign_in(url) as client:
                client.headers["Authorization"] = token  # given out by the first, good for both
                for n in range(25):
                    answer = client.post("/report_bug", json={"description": f"Bug {n}", "project": f"Shop {n % 3}"})
                    assert answer.status_code == 201, answer.text
                    seen.append(answer.json()["id"])

        threads = [threading.Thread(target=report, args=(url,)) for url in (one.url, two.url) * 2]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(seen)) == 100
        lists = [ann.get(f"{url}/api/v1/bugs", params={"limit": 100}).json()["items"] for url in (one.url, two.url)]
        assert lists[0] == lists[1]
        assert {bug["id"] for bug in lists[0]} == set(seen)
        assert ann.post(f"{two.url}/api/v1/auth/logout").status_code in {200, 204}
        assert ann.get(f"{one.url}/api/v1/me").status_code == 401
    assert "all whole" in shared.do("audit", "verify")
    assert [worker.end(), one.end(), two.end()] == [0, 0, 0]
    assert "Traceback" not in worker.text() + one.text() + two.text()


def start_worker(place: Place, name: str) -> Running:
    worker = place.start("worker", BUGFLOW_WORKER_ID=name)
    worker.wait_for(lambda: "Jobs are running" in worker.text(), what="jobs")
    return worker


@pytest.mark.postgres
def test_a_job_of_a_killed_worker_goes_on_when_that_worker_starts_again(shared: Place) -> None:
    shared.do("db", "upgrade")
    url = shared.settings["BUGFLOW_DATABASE_URL"]
    one = start_worker(shared, "one")
    engine = make_engine(url, begins=False)
    client = DBOSClient(system_database_engine=engine, application_name="bugflow")

    def job() -> tuple[str, str | None]:
        [found] = client.list_workflows(name="housekeeping")
        return found.status, found.executor_id

    try:
        with psycopg.connect(url) as blocker:
            blocker.execute("LOCK TABLE sign_in IN ACCESS EXCLUSIVE MODE")  # the job waits in its step
            client.trigger_schedule("housekeeping")
            one.wait_for(lambda: job() == ("PENDING", "one"), what="a job under way")
            two = start_worker(shared, "two")
            assert job() == ("PENDING", "one")
            one.process.kill()
            one.process.wait()
        time.sleep(3)
        assert job() == ("PENDING", "one")  # what another left is not touched: it may only be slow
        again = start_worker(shared, "one")
        again.wait_for(lambda: job()[0] == "SUCCESS", what="the end of the job")
    finally:
        client.destroy()
        engine.dispose()
    assert [again.end(), two.end()] == [0, 0]
