"""Requests made up from the OpenAPI document, right and wrong ones: never a 5xx, always a problem that says why."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import SkipTest

import pytest
from httpx2 import Response
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.openapi import from_asgi
from schemathesis.schemas import APIOperation
from tests.conftest import BOTH, Kind
from tests.factories import House, make_runtime, make_settings, open_house
from tests.fakes import FakeAssessor, FakeClock
from tests.postgres import PostgresServer

from bugflow.domain.accounts import Role
from bugflow.ml.predictor import load_predictor

CASES = 24 if os.environ.get("CI") == "true" else 12
"""Requests a route and database; some fifty routes."""


@pytest.fixture(scope="module", params=BOTH)
def house(
    request: pytest.FixtureRequest, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    """An installation with the shipped models, people and a few bugs, that all requests of a database share."""
    kind: Kind = request.param
    data_dir = tmp_path_factory.mktemp("fuzz")
    url = f"sqlite:///{data_dir / 'bugflow.db'}"
    if kind == "sqlite":
        (data_dir / "bugflow.db").write_bytes(sqlite_template.read_bytes())
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        url = server.url(server.create(template=request.getfixturevalue("postgres_template")))
    clock = FakeClock()
    built = make_runtime(make_settings(data_dir, database_url=url), assessor=load_predictor(), clock=clock)
    with open_house(built, clock=clock, assessor=FakeAssessor()) as opened:
        yield opened
    built.database.engine.dispose()


@pytest.fixture(scope="module")
def administrator(house: House) -> dict[str, str]:
    boss = house.person("boss", Role.PM, is_admin=True)
    house.person("second", Role.PM, is_admin=True)
    for number in range(3):
        bug = boss.report(f"The export number {number} fails")
        boss.post(f"/api/v1/bugs/{bug['id']}/comments", json={"text": "Seen"})
    return boss.headers


def ways_to_ask(house: House) -> Iterator[APIOperation[Any, Any, Any, Any]]:
    """Every operation of the document but those that would end the sign-in that asks."""
    for result in from_asgi("/openapi.json", house.app).get_all_operations():
        assert isinstance(result, Ok), result
        operation = result.ok()
        if operation.path not in {"/api/v1/auth/logout", "/api/v1/auth/password"}:
            yield operation


@pytest.mark.slow
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["fitting", "unfitting"])
def test_no_request_whatever_breaks_the_server(
    house: House, administrator: dict[str, str], mode: GenerationMode
) -> None:
    asked: Counter[str] = Counter()

    def ask(case: Case[Any]) -> None:
        asked[case.operation.label] += 1
        parts = case.as_transport_kwargs(headers=administrator)
        parts.pop("cookies", None)
        if isinstance(parts.get("data"), bytes | str):
            parts["content"] = parts.pop("data")
        check(house.client.request(**parts), parts)

    for operation in ways_to_ask(house):
        try:
            strategy = operation.as_strategy(generation_mode=mode)
            settings(
                max_examples=CASES,
                derandomize=True,
                database=None,
                deadline=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )(given(case=strategy)(ask))()
        except (Unsatisfiable, SkipTest):
            continue  # nothing unfitting can be made up for a route without parameters
    assert len(asked) >= N_ROUTES_ASKED[mode], asked
    assert asked.total() >= CASES * N_ROUTES_ASKED[mode] // 2


N_ROUTES_ASKED = {GenerationMode.POSITIVE: 40, GenerationMode.NEGATIVE: 25}


def check(response: Response, parts: dict[str, Any]) -> None:
    assert response.status_code < 500, (parts, response.text)
    assert response.headers["X-Request-ID"]
    if response.status_code >= 400:
        assert response.headers["Content-Type"] == "application/problem+json", (parts, response.text)
        problem = response.json()
        assert {"type", "title", "status", "detail", "instance", "code"} <= set(problem), problem
        assert problem["status"] == response.status_code
