"""Whatever is sent: a 4xx that says why, never a 5xx, never half a change."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from httpx2 import Response
from tests.conftest import BOTH
from tests.factories import House, Person

from bugflow.domain.accounts import Role


def assert_problem(answer: Response, *statuses: int) -> None:
    assert answer.status_code in statuses, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert {"type", "title", "detail", "instance", "code"} <= set(problem)
    assert answer.headers["X-Request-ID"]
    if answer.status_code == 422 and problem["code"] == "MalformedRequest":
        assert problem["errors"]


@pytest.fixture
def pia(house: House) -> Person:
    person = house.person("pia", Role.PM, is_admin=True)
    person.report()
    return person


DEEP = b"[" * 200_000
BODIES: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"{description",
    "cut off": b'{"description": "x", "project": "p"',
    "two": b'{"description": "x", "project": "p"} {}',
    "a list": b"[]",
    "null": b"null",
    "a number": b"1e999",
    "NaN": b"NaN",
    "not UTF-8": b'{"description": "\xff\xfe", "project": "p"}',
    "deep": DEEP,
    "deep inside": b'{"description": ' + DEEP,
    "deep and closed": b'{"x": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    "huge number": b'{"description": "x", "project": "p", "assigned_to_id": ' + b"9" * 10_000 + b"}",
    "NUL": b'{"description": "a\\u0000b", "project": "p"}',
    "half a pair": b'{"description": "a\\ud800b", "project": "p"}',
    "half a pair in a key": b'{"description": "x", "project": "p", "\\udfff": 1}',
    "2**63": b'{"description": "x", "project": "p", "assigned_to_id": 9223372036854775808}',
    "a fraction": b'{"description": "x", "project": "p", "assigned_to_id": 1.5}',
    "infinite": b'{"description": "x", "project": "p", "assigned_to_id": Infinity}',
    "unknown": b'{"description": "x", "project": "p", "colour": "red"}',
    "wrong type": b'{"description": {"$ne": null}, "project": ["p"]}',
}


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_body_that_is_no_report_is_a_problem(pia: Person, body: bytes) -> None:
    answer = pia.post("/report_bug", content=body, headers={"Content-Type": "application/json"})
    assert_problem(answer, 400, 422)
    assert len(pia.get("/api/v1/bugs").json()["items"]) == 1


@pytest.mark.parametrize("body", [b'{"a": 1}', b"a=1", b"\x00\x01"])
@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "multipart/form-data", "x", ""])
def test_another_media_type_is_a_problem(pia: Person, media_type: str, body: bytes) -> None:
    for path in ("/report_bug", "/predict", "/update_bug", "/api/v1/teams"):
        assert_problem(pia.post(path, content=body, headers={"Content-Type": media_type}), 400, 415, 422)


def test_an_error_names_the_field(pia: Person) -> None:
    answer = pia.post("/report_bug", json={"description": "x", "colour": "red", "severity": "worst"})
    assert [error["path"] for error in answer.json()["errors"]] == ["body.project", "body.severity", "body.colour"]


@pytest.mark.parametrize("path", ["/", "/nothing", "/api/v1", "/api/v1/nothing", "/api/v2/bugs", "/token/", "/%ff%00"])
def test_what_is_not_there_is_a_problem(house: House, path: str) -> None:
    answer = house.client.get(path, follow_redirects=True)
    assert_problem(answer, 404, 405)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/report_bug"), ("DELETE", "/api/v1/bugs"), ("PUT", "/api/v1/bugs/1"), ("TRACE", "/me")],
)
def test_another_method_is_a_problem_that_names_the_right_one(house: House, method: str, path: str) -> None:
    answer = house.client.request(method, path)
    assert_problem(answer, 404, 405)
    if answer.status_code == 405:
        assert answer.headers["Allow"]


@pytest.mark.parametrize("path", ["/api/v1/bugs/1", "/api/v1/users/1", "/api/v1/teams/1", "/api/v1/projects/1"])
@pytest.mark.parametrize("row_id", ["0", "-1", "9223372036854775808", "1e3", "一", "1;DROP TABLE bug", "%20"])
def test_an_impossible_id_is_a_problem(pia: Person, path: str, row_id: str) -> None:
    path = path.replace("/1", f"/{row_id}")
    assert_problem(pia.patch(path, json={}), 422)


@pytest.mark.parametrize("kind", BOTH)
def test_the_largest_id_is_just_not_found(pia: Person) -> None:
    most = 2**63 - 1
    for path in (
        f"/api/v1/users/{most}",
        f"/api/v1/teams/{most}",
        f"/api/v1/projects/{most}",
        f"/api/v1/bugs/1/comments/{most}",
    ):
        assert_problem(pia.patch(path, json={"name": "x"} if "comments" not in path else {"text": "x"}), 404, 422)
    assert_problem(pia.get(f"/api/v1/bugs/1/attachments/{most}/content"), 404)


class TestTooLarge:
    @pytest.fixture
    def small(self, build: Callable[..., House]) -> House:
        return build(body_limit_bytes=2048)

    @pytest.mark.parametrize("path", ["/report_bug", "/token", "/predict", "/api/v1/bugs/1", "/nothing"])
    def test_is_refused_by_its_declared_length(self, small: House, path: str) -> None:
        answer = small.person("ann").post(path, content=b"x" * 2049)
        assert_problem(answer, 413)
        assert answer.json()["code"] == "TooLarge"
        assert "2,049 bytes; at most 2,048" in answer.json()["detail"]

    @pytest.mark.parametrize("path", ["/report_bug", "/token", "/predict"])
    def test_is_refused_while_it_arrives(self, small: House, path: str) -> None:
        sent = 0

        def parts() -> Iterator[bytes]:
            nonlocal sent
            for _ in range(100):
                sent += 1000
                yield b"x" * 1000

        answer = small.person("ann").post(path, content=parts(), headers={"Content-Type": "application/json"})
        assert_problem(answer, 413)
        assert answer.json()["code"] == "TooLarge"

    @pytest.mark.parametrize("length", ["-5", "x", "1e9", "9" * 400])
    def test_a_length_that_lies_changes_nothing(self, small: House, length: str) -> None:
        headers = {"Content-Type": "application/json", "Content-Length": length}
        answer = small.person("ann").post("/predict", content=b'{"description": "x"}', headers=headers)
        assert answer.status_code == (413 if length.isdigit() else 200)

    def test_what_fits_exactly_is_taken(self, small: House) -> None:
        body = b'{"description": "' + b"x" * (2048 - 19) + b'"}'
        assert len(body) == 2048
        headers = {"Content-Type": "application/json"}
        assert small.person("ann").post("/predict", content=body, headers=headers).status_code == 200


def test_an_error_of_ours_is_a_500_that_tells_no_secrets(build: Callable[..., House]) -> None:
    class Broken:
        versions: dict[Any, str] = {}  # noqa: RUF012
        problems: dict[Any, str] = {}  # noqa: RUF012

        def assess(self, *_: object, **__: object) -> None:
            raise RuntimeError("the secret is 1234")

    house = build(predictor=Broken())
    ann = house.person("ann")
    answer = ann.post("/report_bug", json={"description": "x", "project": "p"}, headers={"X-Request-ID": "abc-1"})
    assert_problem(answer, 500)
    assert answer.json()["code"] == "InternalError"
    assert "1234" not in answer.text
    assert "abc-1" in answer.json()["detail"]
    assert ann.get("/api/v1/bugs").json()["items"] == []
