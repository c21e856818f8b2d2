"""What surrounds every request: its id, headers, limits; and what the process says of itself."""

import sys
import time
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs
from tests.conftest import BOTH
from tests.factories import House

from bugflow.api.app import create_app
from bugflow.api.edge import make_limits
from bugflow.db import migrations
from bugflow.domain.accounts import Role
from bugflow.errors import InvalidSettings
from bugflow.ml.rules import RulesPredictor


@pytest.mark.parametrize("path", ["/livez", "/nothing", "/api/v1/me", "/docs", "/openapi.json"])
def test_every_answer_carries_an_id_and_the_security_headers(house: House, path: str) -> None:
    headers = house.client.get(path).headers
    assert len(headers["X-Request-ID"]) == 32
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


def test_two_requests_have_two_ids(house: House) -> None:
    assert len({house.client.get("/livez").headers["X-Request-ID"] for _ in range(3)}) == 3


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("abc-1.2_x", True),
        ("x" * 64, True),
        ("x" * 65, False),
        ("a b", False),
        ("a\tb", False),
        ("<b>", False),
        ("", False),
    ],
)
def test_an_id_that_is_one_is_kept(house: House, sent: str, kept: bool) -> None:
    assert (house.client.get("/livez", headers={"X-Request-ID": sent}).headers["X-Request-ID"] == sent) is kept


def test_the_log_holds_no_bodies_tokens_or_passwords(house: House) -> None:
    ann = house.person("ann")
    token = ann.headers["Authorization"].removeprefix("Bearer ")
    with capture_logs() as lines:
        ann.report("Hush in the title")
        ann.get("/api/v1/bugs", params={"q": "hush"})
        house.client.post("/token", json={"username": "ann", "password": "hush hush hush"})
        house.client.get("/api/v1/me", headers={"Authorization": "Bearer hush"})
    assert [line["status"] for line in lines] == [201, 200, 401, 401]
    assert token not in str(lines)
    assert "hush" not in str(lines).lower()


class TestTheRateLimit:
    @pytest.fixture
    def strict(self, build: Callable[..., House]) -> House:
        return build(rate_limit="3/minute")

    def test_is_told_with_every_answer(self, strict: House) -> None:
        ann = strict.person("ann")
        answers = [ann.get("/api/v1/me") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert [answer.headers["RateLimit-Limit"] for answer in answers] == ["3"] * 4
        assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0"]
        assert all(1 <= int(answer.headers["RateLimit-Reset"]) <= 60 for answer in answers)
        refused = answers[3]
        assert refused.json()["code"] == "TooManyRequests"
        assert refused.headers["Retry-After"] == refused.headers["RateLimit-Reset"]
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert refused.headers["X-Content-Type-Options"] == "nosniff"

    def test_is_each_users_own(self, strict: House) -> None:
        ann, ben = strict.person("ann"), strict.person("ben")
        for _ in range(4):
            ann.get("/api/v1/me")
        assert ann.get("/api/v1/me").status_code == 429
        assert ben.get("/api/v1/me").status_code == 200
        assert strict.sign_in("ann").get("/api/v1/me").status_code == 429  # a second sign-in is the same user
        assert strict.client.get("/api/v1/me").status_code == 401  # nobody is another one

    def test_is_the_addresss_where_nobody_is_signed_in(self, strict: House) -> None:
        tokens = ["", "Bearer x", "Bearer a.b.c", "Basic x"]
        answers = [strict.client.get("/api/v1/me", headers={"Authorization": token}) for token in tokens]
        assert [answer.status_code for answer in answers] == [401, 401, 401, 429]

    def test_moves_with_time(self, build: Callable[..., House]) -> None:
        ann = build(rate_limit="2/second").person("ann")
        while any(ann.get("/api/v1/me").status_code != 200 for _ in range(2)):
            time.sleep(1.1)  # a slow machine may need a second try
        assert ann.get("/api/v1/me").status_code in {200, 429}
        time.sleep(1.1)
        assert ann.get("/api/v1/me").status_code == 200

    def test_leaves_probes_and_documentation_alone(self, strict: House) -> None:
        for path in ("/livez", "/readyz", "/metrics", "/docs", "/openapi.json"):
            answers = [strict.client.get(path) for _ in range(5)]
            assert {answer.status_code for answer in answers} == {200}
            assert "RateLimit-Limit" not in answers[0].headers

    def test_of_an_unreachable_store_lets_pass(self, build: Callable[..., House]) -> None:
        house = build(rate_limit="1/minute", token_rate_limit="1/minute")
        ann = house.person("ann")

        class Gone:
            def hit(self, *_: object) -> bool:
                raise ConnectionError("no Redis")

        object.__setattr__(house.app.state.limits, "window", Gone())
        assert [ann.get("/api/v1/me").status_code for _ in range(3)] == [200] * 3
        body = {"username": "ann", "password": "wrong one"}
        assert [house.client.post("/token", json=body).status_code for _ in range(3)] == [401] * 3


@pytest.mark.parametrize(
    ("requests", "sign_ins", "url"),
    [("often", "10/minute", "memory://"), ("100/minute", "", "memory://"), ("1/minute", "1/minute", "nowhere://x")],
)
def test_a_limit_that_cannot_be_understood_stops_the_start(requests: str, sign_ins: str, url: str) -> None:
    with pytest.raises(InvalidSettings, match="rate limits"):
        make_limits(requests, sign_ins, url)


def test_counters_in_redis_without_its_package_name_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)  # as where it is not installed
    with pytest.raises(InvalidSettings, match=r"BUGFLOW_RATE_LIMIT_URL .* the extra `redis`: pip install"):
        make_limits("1/minute", "1/minute", "redis://cache:6379")


def test_a_password_in_the_address_of_the_counters_is_not_told() -> None:
    with pytest.raises(InvalidSettings) as caught:
        make_limits("1/minute", "1/minute", "nowhere://:hush@cache:6379")
    assert "hush" not in str(caught.value)
    assert caught.value.__cause__ is None


class TestOtherOrigins:
    PREFLIGHT = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}  # noqa: RUF012

    def test_may_not_call_by_default(self, house: House) -> None:
        answer = house.client.get("/livez", headers={"Origin": "https://a.example"})
        assert not [name for name in answer.headers if name.startswith("access-control")]
        preflight = house.client.options("/report_bug", headers=self.PREFLIGHT)
        assert preflight.status_code == 405
        assert not [name for name in preflight.headers if name.startswith("access-control")]

    def test_may_call_where_they_are_named(self, build: Callable[..., House]) -> None:
        house = build(cors_origins=["https://a.example"])
        answer = house.client.get("/livez", headers={"Origin": "https://a.example"})
        assert answer.headers["Access-Control-Allow-Origin"] == "https://a.example"
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert house.client.options("/report_bug", headers=self.PREFLIGHT).status_code == 200
        other = house.client.get("/livez", headers={"Origin": "https://b.example"})
        assert "Access-Control-Allow-Origin" not in other.headers


class TestTheDocumentation:
    def test_needs_no_network(self, house: House) -> None:
        page = house.client.get("/docs")
        assert page.status_code == 200
        assert "https://" not in page.text.replace("https://fastapi.tiangolo.com", "")
        assets = [part.split('"')[0] for part in page.text.split('="') if part.startswith("/static-offline-docs")]
        assert assets
        for path in assets:
            asset = house.client.get(path)
            assert asset.status_code == 200
            assert len(asset.content) > 100

    def test_has_an_authorize_button_that_works(self, house: House) -> None:
        document = house.client.get("/openapi.json").json()
        flow = document["components"]["securitySchemes"]["OAuth2PasswordBearer"]["flows"]["password"]
        assert flow["tokenUrl"] == "token"
        assert "application/x-www-form-urlencoded" in document["paths"]["/token"]["post"]["requestBody"]["content"]

    def test_describes_problems_for_every_route(self, house: House) -> None:
        document = house.client.get("/openapi.json").json()
        assert document["openapi"].startswith("3.1")
        assert "errors" in document["components"]["schemas"]["Problem"]["properties"]
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                schema = operation["responses"]["422"]["content"]["application/problem+json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Problem"}, f"{method} {path}"


class TestHealth:
    def test_a_process_that_answers_lives(self, house: House) -> None:
        assert house.client.get("/livez").json() == {"status": "alive"}

    @pytest.mark.parametrize("kind", BOTH)
    def test_it_is_ready_with_its_models_named(self, house: House) -> None:
        answer = house.client.get("/readyz")
        assert answer.status_code == 200
        assert answer.json() == {
            "status": "ready",
            "models": {"severity": "severity-7", "team": "team-7"},
            "problems": {},
        }

    @pytest.mark.parametrize("kind", BOTH)
    def test_a_database_that_is_not_migrated_is_not_ready(self, house: House) -> None:
        migrations.downgrade(house.runtime.database.engine, "base")
        answer = house.client.get("/readyz")
        assert (answer.status_code, answer.json()["code"]) == (503, "DatabaseOutdated")
        assert "bugflow db upgrade" in answer.json()["detail"]
        assert answer.headers["Retry-After"]
        migrations.upgrade(house.runtime.database.engine)
        assert house.client.get("/readyz").status_code == 200

    def test_a_database_that_is_gone_is_not_ready(self, build: Callable[..., House]) -> None:
        house = build(database_url="postgresql://nobody@127.0.0.1:9/nothing?connect_timeout=2")
        answer = house.client.get("/readyz")
        assert (answer.status_code, answer.json()["code"]) == (503, "DatabaseUnavailable")
        ann = house.client.post("/token", json={"username": "ann", "password": "x"})
        assert (ann.status_code, ann.json()["code"]) == (503, "DatabaseUnavailable")
        assert house.client.get("/livez").status_code == 200


def test_metrics_count_requests_predictions_and_corrections(build: Callable[..., House]) -> None:
    house = build()
    ann, pia = house.person("ann"), house.person("pia", Role.PM)
    bug_id = ann.report()["id"]
    ann.report()
    pia.post("/update_bug", json={"bug_id": bug_id, "correction_severity": "high", "correction_team": "No Change"})
    pia.post("/api/v1/feedback", json={"bug_id": bug_id, "task": "team", "label": "Mobile"})
    pia.get(f"/api/v1/bugs/{bug_id}")
    pia.get("/wp-login.php")
    answer = house.client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    for line in (
        "bugflow_bugs_reported_total 2.0",
        "bugflow_feedback_total 2.0",
        'bugflow_predictions_total{decision="auto",label="medium",model_version="severity-7",source="model",'
        'task="severity"} 2.0',
        'bugflow_requests_total{method="POST",route="/report_bug",status="201"} 2.0',
        'bugflow_requests_total{method="GET",route="/api/v1/bugs/{bug_id}",status="200"} 1.0',
        'bugflow_requests_total{method="GET",route="(none)",status="404"} 1.0',
        'bugflow_models_info{severity="severity-7",team="team-7"} 1.0',
        "bugflow_requests_in_flight 1.0",
    ):
        assert line in lines, line
    assert 'bugflow_request_seconds_bucket{le="+Inf",method="POST",route="/report_bug"} 2.0' in lines


def test_apps_of_two_installations_count_apart(build: Callable[..., House]) -> None:
    first, second = build(), build(predictor=RulesPredictor())
    first.person("ann").report()
    assert "bugflow_bugs_reported_total 1.0" in first.client.get("/metrics").text
    assert "bugflow_bugs_reported_total 0.0" in second.client.get("/metrics").text
    assert create_app(first.runtime) is not first.app
