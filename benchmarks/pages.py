"""How the pages stand many people: raw WebSockets, as many browsers would open, without the browsers.

Run `python benchmarks/pages.py [--json FILE]` on a quiet machine; needs the bug reports of BUGFLOW_BENCH_DATA. API and
pages are the two processes of a default installation, on the same cores as the people. A click counts until the script
that it starts has finished, with everything it draws received.
"""

import asyncio
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median, quantiles
from typing import Any

import httpx2
import polars as pl
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect

from bugflow.ml.reports import to_texts
from house import PASSWORD, api_of, trial

N_BUGS = 400
N_CLICKERS, CLICK_SECONDS, THINK_SECONDS = 20, 90, 4.0
N_WATCHERS, WATCH_SECONDS, WATCH_THINK_SECONDS = 100, 90, 15.0
PAGES = ("bugs", "board", "dashboard", "notifications", "settings", "report")
GIVE_UP_SECONDS = 60


class Tab:
    """One browser tab: its connection, and the buttons and switches that its page shows."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._states: dict[str, WidgetState] = {}
        self.page = ""
        self.buttons: dict[str, tuple[str, str]] = {}
        self.switches: dict[str, tuple[str, str]] = {}
        self.shown = 0

    async def open(self, page: str, query: str = "") -> float:
        """Go to a page; seconds until it is drawn."""
        self.page, self._states = page, {}
        return await self._run(query=query)

    async def press(self, label: str) -> float:
        widget, fragment = self.buttons[label]
        return await self._run(WidgetState(id=widget, trigger_value=True), fragment=fragment)

    async def switch(self, label: str) -> float:
        widget, fragment = self.switches[label]
        before = self._states.get(widget)
        state = WidgetState(id=widget, bool_value=not (before and before.bool_value))
        self._states[widget] = state
        return await self._run(fragment=fragment)

    async def _run(self, pressed: WidgetState | None = None, *, query: str = "", fragment: str = "") -> float:
        message = BackMsg()
        run = message.rerun_script
        run.page_name, run.query_string, run.fragment_id = self.page, query, fragment
        run.widget_states.widgets.extend([*self._states.values(), *([pressed] if pressed else [])])
        if not fragment:
            self.buttons, self.switches = {}, {}
        started = time.perf_counter()
        await self._connection.send(message.SerializeToString())
        self.shown = 0
        while True:
            received = ForwardMsg.FromString(await asyncio.wait_for(self._connection.recv(), GIVE_UP_SECONDS))
            kind = received.WhichOneof("type")
            if kind == "delta":
                self._note(received.delta)
            elif kind == "script_finished":
                return time.perf_counter() - started

    def _note(self, delta: Any) -> None:
        self.shown += 1
        element = delta.new_element
        kind = element.WhichOneof("type")
        if kind == "button" and not element.button.disabled:
            self.buttons.setdefault(element.button.label, (element.button.id, delta.fragment_id))
        elif kind == "checkbox":
            self.switches[element.checkbox.label] = (element.checkbox.id, delta.fragment_id)


def main() -> None:
    with (
        trial("xamarin") as house,
        api_of(house.environment) as (client, _, _process),
        ui_of(house.environment, str(client.base_url)) as ui_url,
    ):
        fill(client, to_texts(pl.read_parquet(house.files).gather_every(40).head(N_BUGS).fill_null("")))
        house.figures.update(asyncio.run(measure(ui_url)))


@contextmanager
def ui_of(environment: dict[str, str], api_url: str) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "bugflow", "ui", "--port", str(port), "--api-url", api_url.rstrip("/")]
    process = subprocess.Popen(command, env=environment)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            time.sleep(0.2)
            try:
                if httpx2.get(f"{url}/_stcore/health").status_code == 200:
                    break
            except httpx2.TransportError:
                continue
        yield url
    finally:
        process.terminate()
        process.wait(timeout=15)


def fill(client: httpx2.Client, texts: list[Any]) -> None:
    """Bugs of all states and a developer for each of the people."""
    teams = [team["name"] for team in client.get("/api/v1/teams").json()]
    for number in range(max(N_CLICKERS, N_WATCHERS)):
        body = {
            "username": f"dev{number}",
            "password": PASSWORD,
            "role": "developer",
            "team": teams[number % len(teams)],
        }
        client.post("/api/v1/users", json=body).raise_for_status()
    for number, text in enumerate(texts):
        body = {"title": text.title, "description": text.description or text.title, "project": "Ledger"}
        bug = client.post("/report_bug", json=body).raise_for_status().json()
        for status in ("in_progress", "resolved")[: number % 3]:
            client.post("/update_bug", json={"bug_id": bug["id"], "status": status}).raise_for_status()


async def sign_in(ui_url: str, username: str) -> str:
    async with httpx2.AsyncClient(base_url=ui_url, timeout=60) as browser:
        form = {"username": username, "password": PASSWORD, "next": "/"}
        answer = await browser.post("/sign-in", data=form)
        assert answer.status_code == 303, answer.text
        return f"bugflow_session={answer.cookies['bugflow_session']}"


async def measure(ui_url: str) -> dict[str, Any]:
    cookies = await asyncio.gather(*(sign_in(ui_url, f"dev{number}") for number in range(max(N_CLICKERS, N_WATCHERS))))
    first = [await visit(ui_url, cookies[0], page) for page in PAGES for _ in range(3)]
    clickers = [click_around(ui_url, cookie, seed) for seed, cookie in enumerate(cookies[:N_CLICKERS])]
    clicked = await asyncio.gather(*clickers, return_exceptions=True)
    watchers = [watch(ui_url, cookie, seed) for seed, cookie in enumerate(cookies[:N_WATCHERS])]
    watched = await asyncio.gather(*watchers, return_exceptions=True)
    return {
        "first_page": summary([first]),
        "clicks_of_20_active": summary(clicked),
        "board_of_100": summary(watched),
    }


def summary(people: list[Any]) -> dict[str, Any]:
    seconds = [one for person in people if not isinstance(person, BaseException) for one in person]
    failed = [repr(person) for person in people if isinstance(person, BaseException)]
    return {
        "n": len(seconds),
        "p50_seconds": round(median(seconds), 3),
        "p95_seconds": round(quantiles(seconds, n=20)[-1], 3),
        "max_seconds": round(max(seconds), 3),
        "failed_sessions": len(failed),
        "failures": sorted(set(failed))[:3],
    }


def tab_of(ui_url: str, cookie: str) -> connect:
    address = ui_url.replace("http", "ws", 1) + "/_stcore/stream"
    return connect(address, additional_headers={"Cookie": cookie}, max_size=None, ping_interval=None, open_timeout=60)


async def visit(ui_url: str, cookie: str, page: str) -> float:
    """A new tab, as when somebody types the address; with its connection."""
    started = time.perf_counter()
    async with tab_of(ui_url, cookie) as connection:
        tab = Tab(connection)
        await tab.open(page)
        assert tab.shown > 5, f"{page} shows nothing"
        return time.perf_counter() - started


async def click_around(ui_url: str, cookie: str, seed: int) -> list[float]:
    """One who works: opens pages and bugs, moves what is theirs."""
    draw, took = random.Random(seed), []
    async with tab_of(ui_url, cookie) as connection:
        tab = Tab(connection)
        await tab.open("bugs", "view=My+team")
        until = time.monotonic() + CLICK_SECONDS
        while time.monotonic() < until:
            await asyncio.sleep(draw.expovariate(1 / THINK_SECONDS))
            moves = [label for label in tab.buttons if label in {"Start work", "Resolve", "Reopen"}]
            if moves and draw.random() < 0.3:
                took.append(await tab.press(draw.choice(moves)))
            elif draw.random() < 0.4:
                took.append(await tab.open("bug", f"id={draw.randint(1, N_BUGS)}"))
            else:
                page = draw.choice(PAGES)
                took.append(await tab.open(page, "view=My+team" if page == "bugs" else ""))
            assert tab.shown, "nothing was drawn"
    return took


async def watch(ui_url: str, cookie: str, seed: int) -> list[float]:
    """One who has the board open all day, and now and then asks for their own bugs only, or for all again."""
    draw, took = random.Random(seed), []
    async with tab_of(ui_url, cookie) as connection:
        tab = Tab(connection)
        await asyncio.sleep(draw.uniform(0, WATCH_THINK_SECONDS))
        until = time.monotonic() + WATCH_SECONDS
        took.append(await tab.open("board"))
        while time.monotonic() < until:
            await asyncio.sleep(draw.expovariate(1 / WATCH_THINK_SECONDS))
            took.append(await tab.switch("Only mine"))
    return took


if __name__ == "__main__":
    main()
