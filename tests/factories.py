"""A running installation in one object, and the people in it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from pwdlib.hashers.bcrypt import BcryptHasher
from tests.fakes import FakeAssessor, FakeClock

from bugflow.api.app import create_app
from bugflow.config import Settings
from bugflow.domain.accounts import Actor, Role
from bugflow.ml.duplicates.search import DuplicateSearch, NoSearch
from bugflow.ml.predictor import Assessor
from bugflow.runtime import Runtime, make_tokens, open_database
from bugflow.schemas.accounts import Credentials, UserCreate
from bugflow.schemas.bugs import BugCreate, BugReported
from bugflow.services import accounts, sign_ins, teams
from bugflow.services.bugs import reporting

SECRET = "0123456789abcdef" * 4
PASSWORD = "correct horse battery"
LONG = 10 * 365 * 86_400
"""Seconds that people stay signed in, so that a test may move the clock."""

CHEAP_PASSWORDS = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1), BcryptHasher(rounds=4)))


def make_settings(data_dir: Path, **overrides: Any) -> Settings:
    """Settings that depend on nothing outside, with limits that no test meets by accident."""
    values: dict[str, Any] = {
        "data_dir": data_dir,
        "secret_key": SECRET,
        "rate_limit": "1000000/minute",
        "token_rate_limit": "1000000/minute",
        "spot_check_share": 0.0,
    }
    return Settings(**{**values, **overrides})


def make_runtime(
    settings: Settings, *, assessor: Assessor, clock: FakeClock, duplicates: DuplicateSearch | None = None
) -> Runtime:
    return Runtime(
        settings=settings,
        database=open_database(settings),
        predictor=assessor,
        duplicates=duplicates or NoSearch(),
        tokens=make_tokens(settings, CHEAP_PASSWORDS),
        clock=clock,
    )


def replace_sqlite(template: Path, place: Path) -> None:
    """Put a copy of a closed database where another one, closed too, may lie."""
    for leftover in ("-wal", "-shm"):
        place.with_name(place.name + leftover).unlink(missing_ok=True)
    shutil.copyfile(template, place)


@dataclass
class Person:
    """Someone signed in, or nobody when `headers` are empty."""

    client: TestClient
    actor: Actor | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def id(self) -> int:
        assert self.actor is not None
        return self.actor.id

    @property
    def username(self) -> str:
        assert self.actor is not None
        return self.actor.username

    def request(self, method: str, path: str, *, headers: dict[str, str] | None = None, **given: Any) -> Response:
        return self.client.request(method, path, headers={**self.headers, **(headers or {})}, **given)

    def get(self, path: str, **given: Any) -> Response:
        return self.request("GET", path, **given)

    def post(self, path: str, **given: Any) -> Response:
        return self.request("POST", path, **given)

    def patch(self, path: str, **given: Any) -> Response:
        return self.request("PATCH", path, **given)

    def delete(self, path: str, **given: Any) -> Response:
        return self.request("DELETE", path, **given)

    def report(self, description: str = "The export fails", project: str = "Shop", **given: Any) -> dict[str, Any]:
        """Report a bug; the answer's body."""
        answer = self.post("/report_bug", json={"description": description, "project": project, **given})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def bug(self, bug_id: int) -> dict[str, Any]:
        answer = self.get(f"/api/v1/bugs/{bug_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def told(self) -> list[tuple[str, int]]:
        """Kind and bug of the own notifications, oldest first."""
        items = self.get("/api/v1/notifications", params={"limit": 100}).json()["items"]
        return [(item["kind"], item["bug_id"]) for item in reversed(items)]


@dataclass
class House:
    """One installation with its HTTP client."""

    runtime: Runtime
    clock: FakeClock
    assessor: FakeAssessor
    app: FastAPI
    client: TestClient

    @property
    def now(self) -> datetime:
        return self.clock.now

    @property
    def nobody(self) -> Person:
        return Person(self.client)

    def person(
        self,
        username: str,
        role: Role | str = Role.TESTER,
        *,
        team: str | None = None,
        is_admin: bool = False,
        email: str | None = None,
    ) -> Person:
        """Create someone and sign them in, for longer than any test moves the clock."""
        body = UserCreate(
            username=username, password=PASSWORD, role=Role(role), team=team, is_admin=is_admin, email=email
        )
        with self.runtime.database.write() as session:
            accounts.create_user(session, self.runtime.tokens.passwords, actor=None, body=body, now=self.now)
        return self.sign_in(username)

    def sign_in(self, username: str, password: str = PASSWORD) -> Person:
        runtime = self.runtime
        body = Credentials(username=username, password=password)
        lasting = replace(runtime.tokens, access_seconds=LONG, refresh_seconds=LONG)
        pair = sign_ins.sign_in(runtime.database, lasting, body=body, now=self.now)
        with runtime.database.read() as session:
            actor = sign_ins.get_actor(session, runtime.tokens, pair.access_token, now=self.now)
        return Person(self.client, actor, {"Authorization": f"Bearer {pair.access_token}"})

    def report(self, actor: Actor, **given: Any) -> BugReported:
        """Report a bug without HTTP."""
        body = BugCreate(**{"description": "The export fails", "project": "Shop", **given})
        with self.runtime.database.write() as session:
            return reporting.report_bug(
                session,
                self.runtime.predictor,
                actor=actor,
                body=body,
                team_names=teams.active_team_names(session),
                policy=self.runtime.policy,
                now=self.now,
            )


@contextmanager
def open_house(runtime: Runtime, *, clock: FakeClock, assessor: FakeAssessor) -> Iterator[House]:
    app = create_app(runtime)
    with TestClient(app) as client:
        yield House(runtime, clock, assessor, app, client)
