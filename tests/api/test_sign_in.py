"""Signing in, staying signed in, being thrown out."""

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import jwt
import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from pwdlib.hashers.bcrypt import BcryptHasher
from sqlalchemy import select, update
from tests.conftest import BOTH
from tests.factories import CHEAP_PASSWORDS, PASSWORD, SECRET, House, Person

from bugflow.db.tables import AuditEntry, SignIn, User
from bugflow.domain.accounts import Role
from bugflow.errors import WrongCredentials
from bugflow.schemas.accounts import Credentials
from bugflow.services import sign_ins

both = pytest.mark.parametrize("kind", BOTH)


def sign_in(house: House, username: str = "ann", password: str = PASSWORD) -> dict[str, Any]:
    answer = house.client.post("/token", json={"username": username, "password": password})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def bearer(house: House, pair: dict[str, Any]) -> Person:
    return Person(house.client, None, {"Authorization": f"Bearer {pair['access_token']}"})


def is_in(person: Person) -> bool:
    return person.get("/api/v1/me").status_code == 200


def actions(house: House) -> list[str]:
    with house.runtime.database.read() as session:
        return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.number)))


@both
def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(house: House) -> None:
    house.person("ann")
    house.person("gone")
    with house.runtime.database.write() as session:
        session.execute(update(User).where(User.username == "gone").values(is_active=False))
    tries = [("ann", "wrong password"), ("nobody", PASSWORD), ("gone", PASSWORD)]
    answers = [house.client.post("/token", json={"username": u, "password": p}) for u, p in tries]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].json()["code"] == "WrongCredentials"
    assert answers[0].headers["WWW-Authenticate"] == "Bearer"
    assert actions(house)[-3:] == ["user.sign_in_failed"] * 3


class CountingPasswords(PasswordHash):
    """Remembers against which hashes a password was checked."""

    def __init__(self) -> None:
        super().__init__(CHEAP_PASSWORDS.hashers)
        self.checked: list[str | bytes] = []

    def verify_and_update(self, password: str | bytes, hash: str | bytes) -> tuple[bool, str | None]:  # noqa: A002
        self.checked.append(hash)
        return super().verify_and_update(password, hash)


def test_a_password_is_checked_also_for_a_name_that_does_not_exist(house: House) -> None:
    """Else the time would tell which names exist."""
    passwords = CountingPasswords()
    tokens = replace(house.runtime.tokens, passwords=passwords)
    body = Credentials(username="nobody", password=PASSWORD)
    with pytest.raises(WrongCredentials):
        sign_ins.sign_in(house.runtime.database, tokens, body=body, now=house.now)
    assert passwords.checked == [tokens.dummy_hash]


@pytest.mark.parametrize("name", ["ANN@example.com", "  ann@example.com "])
def test_a_user_name_is_found_whatever_its_case(house: House, name: str) -> None:
    house.person("Ann@Example.com")
    assert sign_in(house, name)["access_token"]


@pytest.mark.parametrize(
    "sent",
    [
        {"content": b"{"},
        {"content": b""},
        {"content": b"[]"},
        {"content": b"null"},
        {"content": b'"ann"'},
        {"content": b"\xff"},
        {"content": b"[" * 100_000},
        {"content": b'{"username": "ann", "password": ' + b"9" * 5000 + b"}"},
        {"json": {"username": "ann"}},
        {"json": {"username": "ann", "password": 5}},
        {"json": {"username": "ann", "password": ""}},
        {"json": {"username": "ann", "password": "x" * 1025}},
        {"json": {"username": "a\x00", "password": "x"}},
        {"content": b'{"username": "ann", "password": "\\ud800"}'},
        {"json": {"username": "ann", "password": "x", "admin": True}},
        {"data": {"username": "ann"}},
        {"content": b"%", "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
    ],
)
def test_a_malformed_attempt_is_422_and_repeats_no_password(house: House, sent: dict[str, Any]) -> None:
    answer = house.client.post("/token", **sent)
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["errors"]


def test_a_token_is_good_for_half_an_hour(house: House) -> None:
    house.person("ann")
    ann = bearer(house, sign_in(house))
    house.clock.advance(minutes=29, seconds=59)
    assert is_in(ann)
    house.clock.advance(seconds=1)
    assert not is_in(ann)


def forge(key: str = SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    claims = {"sub": "1", "sid": 1, "iss": "bugflow", "aud": "bugflow-api", "iat": 0, "exp": 4_000_000_000}
    kept = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    return jwt.encode(kept, key, algorithm=algorithm)


def test_a_token_with_all_the_right_claims_is_let_in(house: House) -> None:
    house.person("ann")
    assert house.client.get("/api/v1/me", headers={"Authorization": f"Bearer {forge()}"}).status_code == 200


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "a.b.c",
        forge(key="0" * 64),
        forge(key=SECRET, algorithm="HS512"),
        jwt.encode({"sub": "1", "sid": 1}, "", algorithm="none"),
        forge(aud="other"),
        forge(iss="other"),
        forge(exp=1),
        forge(exp=None),
        forge(sid=None),
        forge(sid="x"),
        forge(sub="one"),
        forge(sub="2"),
        forge(sid=99),
    ],
)
def test_any_other_token_is_not(house: House, token: str) -> None:
    house.person("ann")
    answer = house.client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "NotSignedIn")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_another_scheme_is_not_signed_in(house: House) -> None:
    house.person("ann")
    assert house.client.get("/api/v1/me", headers={"Authorization": "Basic YW5uOng="}).status_code == 401


@both
def test_a_refresh_token_is_good_for_one_use(house: House) -> None:
    house.person("ann")
    first = sign_in(house)
    house.clock.advance(hours=5)
    second = house.client.post("/api/v1/auth/refresh", json={"refresh_token": first["refresh_token"]}).json()
    assert is_in(bearer(house, second))
    house.clock.advance(days=13)
    third = house.client.post("/api/v1/auth/refresh", json={"refresh_token": second["refresh_token"]})
    assert third.status_code == 200  # a sign-in that is used lives on


@both
def test_a_refresh_token_shown_twice_ends_the_sign_in(house: House) -> None:
    """Whoever shows it stole it or was stolen from: nobody can tell, so both are out."""
    house.person("ann")
    first = sign_in(house)
    second = house.client.post("/api/v1/auth/refresh", json={"refresh_token": first["refresh_token"]}).json()
    again = house.client.post("/api/v1/auth/refresh", json={"refresh_token": first["refresh_token"]})
    assert again.status_code == 401
    assert not is_in(bearer(house, second))
    assert house.client.post("/api/v1/auth/refresh", json={"refresh_token": second["refresh_token"]}).status_code == 401
    assert is_in(bearer(house, sign_in(house)))


def test_a_refresh_token_expires(house: House) -> None:
    house.person("ann")
    pair = sign_in(house)
    house.clock.advance(days=14)
    assert house.client.post("/api/v1/auth/refresh", json={"refresh_token": pair["refresh_token"]}).status_code == 401


def test_an_unknown_refresh_token_is_refused_and_none_is_kept_in_plain(house: House) -> None:
    house.person("ann")
    pair = sign_in(house)
    assert house.client.post("/api/v1/auth/refresh", json={"refresh_token": "x" * 43}).status_code == 401
    with house.runtime.database.read() as session:
        assert pair["refresh_token"] not in str(session.execute(select(SignIn.__table__)).all())


@both
def test_signing_out_ends_this_sign_in_only(house: House) -> None:
    house.person("ann")
    here, there = sign_in(house), sign_in(house)
    assert bearer(house, here).post("/api/v1/auth/logout").status_code == 204
    assert not is_in(bearer(house, here))
    assert house.client.post("/api/v1/auth/refresh", json={"refresh_token": here["refresh_token"]}).status_code == 401
    assert is_in(bearer(house, there))
    assert actions(house)[-1] == "user.signed_out"


@both
def test_a_changed_password_ends_every_sign_in(house: House) -> None:
    house.person("ann")
    here, there = bearer(house, sign_in(house)), bearer(house, sign_in(house))
    change = {"old_password": PASSWORD, "new_password": "battery staple"}
    assert here.post("/api/v1/auth/password", json=change).status_code == 204
    assert not is_in(here)
    assert not is_in(there)
    assert house.client.post("/token", json={"username": "ann", "password": PASSWORD}).status_code == 401
    assert sign_in(house, password="battery staple")
    assert actions(house)[-3:] == ["user.password_changed", "user.sign_in_failed", "user.signed_in"]


@pytest.mark.parametrize(
    ("old", "new", "status", "code"),
    [
        ("wrong", "battery staple", 401, "WrongCredentials"),
        (PASSWORD, "short", 422, "WeakPassword"),
        (PASSWORD, "password123", 422, "WeakPassword"),
    ],
)
def test_a_password_that_is_not_changed_ends_nothing(house: House, old: str, new: str, status: int, code: str) -> None:
    ann = house.person("ann")
    answer = ann.post("/api/v1/auth/password", json={"old_password": old, "new_password": new})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert is_in(ann)


def kept_hash(house: House, username: str) -> str:
    with house.runtime.database.read() as session:
        return session.scalars(select(User.password_hash).where(User.username == username)).one()


@both
def test_a_bcrypt_hash_is_upgraded_when_its_owner_signs_in(house: House) -> None:
    house.person("ann")
    old = BcryptHasher(rounds=4).hash(PASSWORD)
    with house.runtime.database.write() as session:
        session.execute(update(User).values(password_hash=old))
    assert house.client.post("/token", json={"username": "ann", "password": "wrong one"}).status_code == 401
    assert kept_hash(house, "ann") == old
    sign_in(house)
    assert kept_hash(house, "ann").startswith("$argon2id$")
    assert sign_in(house)


@pytest.mark.parametrize("kept", ["!", "", "plain", "$1$md5$x"])
def test_what_is_no_hash_lets_nobody_in(house: House, kept: str) -> None:
    house.person("ann")
    with house.runtime.database.write() as session:
        session.execute(update(User).values(password_hash=kept))
    for password in (PASSWORD, kept or "x"):
        assert house.client.post("/token", json={"username": "ann", "password": password}).status_code == 401


def test_someone_made_inactive_is_out_at_once(house: House) -> None:
    ann, boss = house.person("ann"), house.person("boss", Role.PM, is_admin=True)
    pair = sign_in(house)
    assert boss.patch(f"/api/v1/users/{ann.id}", json={"is_active": False}).status_code == 200
    assert not is_in(ann)
    assert house.client.post("/api/v1/auth/refresh", json={"refresh_token": pair["refresh_token"]}).status_code == 401


def test_a_new_role_counts_from_the_next_request_on(house: House) -> None:
    ann, boss = house.person("ann"), house.person("boss", Role.PM, is_admin=True)
    assert ann.get("/api/v1/stats/overview").status_code == 403
    boss.patch(f"/api/v1/users/{ann.id}", json={"role": "pm"})
    assert ann.get("/api/v1/stats/overview").status_code == 200


class TestThrottling:
    @pytest.fixture
    def strict(self, build: Callable[..., House]) -> House:
        house = build(token_rate_limit="3/minute")
        house.person("ann")
        return house

    def test_an_account_is_tried_so_often_only(self, strict: House) -> None:
        tries = [strict.client.post("/token", json={"username": "ann", "password": "guess"}) for _ in range(4)]
        assert [answer.status_code for answer in tries] == [401, 401, 401, 429]
        assert tries[3].json()["code"] == "TooManyRequests"
        assert 1 <= int(tries[3].headers["Retry-After"]) <= 60
        right = strict.client.post("/token", json={"username": "ANN ", "password": PASSWORD})
        assert right.status_code == 429

    def test_an_address_tries_so_many_accounts_only(self, strict: House) -> None:
        names = ["ben", "cleo", "dora", "ann"]
        tries = [strict.client.post("/token", json={"username": name, "password": PASSWORD}) for name in names]
        assert [answer.status_code for answer in tries] == [401, 401, 401, 429]

    def test_a_wait_of_hours_is_told_as_such(self, build: Callable[..., House]) -> None:
        house = build(token_rate_limit="1/hour")
        house.client.post("/token", json={"username": "x", "password": "y"})
        answer = house.client.post("/token", json={"username": "x", "password": "y"})
        assert int(answer.headers["Retry-After"]) > 3000


class CountedHasher(Argon2Hasher):
    """Hashes as before and knows how many do at once."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.now, self.most, self._lock = 0, 0, threading.Lock()

    def verify(self, password: str | bytes, hash: str | bytes) -> bool:  # noqa: A002 - as the library calls it
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.01)
        try:
            return super().verify(password, hash)
        finally:
            with self._lock:
                self.now -= 1


def test_many_who_sign_in_at_once_all_get_in_and_hash_no_more_at_once_than_there_are_cores(
    house: House,
) -> None:
    house.person("nora")
    hasher = CountedHasher()
    runtime = house.runtime
    tokens = replace(runtime.tokens, passwords=PasswordHash((hasher,)))
    body = Credentials(username="nora", password=PASSWORD)

    def enter(_number: int) -> str:
        return sign_ins.sign_in(runtime.database, tokens, body=body, now=runtime.clock()).access_token

    with ThreadPoolExecutor(30) as pool:
        pairs = list(pool.map(enter, range(60)))
    assert len(set(pairs)) == 60
    assert hasher.most <= (os.cpu_count() or 1)
