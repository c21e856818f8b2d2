"""Attachments: told by content, bounded, handed out as downloads and never as pages."""

import hashlib
from collections.abc import Callable, Iterator

import pytest
from httpx2 import Response
from tests.conftest import BOTH
from tests.factories import House, Person

from bugflow.domain.accounts import Role

MULTIPART = "multipart/form-data; boundary=b"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


@pytest.fixture
def ann(house: House) -> Person:
    person = house.person("ann")
    person.report()
    return person


def attach(
    person: Person, filename: str = "a.log", content: bytes = b"line\n", media_type: str = "text/html"
) -> Response:
    return person.post("/api/v1/bugs/1/attachments", files={"file": (filename, content, media_type)})


@pytest.mark.parametrize("kind", BOTH)
def test_a_screenshot_comes_back_byte_for_byte_as_a_download(ann: Person) -> None:
    made = attach(ann, "bild 1 é ü.png", PNG)
    assert made.status_code == 201
    row = made.json()
    assert (row["filename"], row["media_type"], row["size_bytes"]) == ("bild 1 é ü.png", "image/png", len(PNG))
    assert row["sha256"] == hashlib.sha256(PNG).hexdigest()
    assert row["uploader"]["username"] == "ann"
    file = ann.get(f"/api/v1/bugs/1/attachments/{row['id']}/content")
    assert file.content == PNG
    assert file.headers["Content-Type"] == "image/png"
    assert file.headers["Content-Disposition"] == "attachment; filename*=UTF-8''bild%201%20%C3%A9%20%C3%BC.png"
    assert file.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in file.headers["Content-Security-Policy"]
    assert ann.get("/api/v1/bugs/1/attachments").json() == [row]
    assert ann.bug(1)["n_attachments"] == 1


@pytest.mark.parametrize(
    ("filename", "content", "reason"),
    [
        ("a.html", b"<script>alert(1)</script>", "only these are taken"),
        ("a.svg", b"<svg/>", "only these are taken"),
        ("a.png", b"<script>alert(1)</script>", "not what .png promises"),
        ("a.log", PNG, "its name says .log"),
        ("a.log", b"", "empty"),
        ("a", b"x", "only these are taken"),
    ],
)
def test_what_is_not_what_it_says_is_refused(ann: Person, filename: str, content: bytes, reason: str) -> None:
    answer = attach(ann, filename, content)
    assert (answer.status_code, answer.json()["code"]) == (422, "RefusedAttachment")
    assert reason in answer.json()["detail"]
    assert ann.bug(1)["n_attachments"] == 0


def test_html_in_a_text_file_is_served_as_text(ann: Person) -> None:
    attach(ann, "a.txt", b"<script>alert(1)</script>")
    file = ann.get("/api/v1/bugs/1/attachments/1/content")
    assert file.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert file.headers["Content-Disposition"].startswith("attachment;")


@pytest.mark.parametrize(
    ("filename", "kept"),
    [("../../etc/passwd.log", "passwd.log"), ("..\\..\\win.log", "win.log"), ("/x/y.log", "y.log")],
)
def test_a_path_is_cut_to_its_last_part(ann: Person, filename: str, kept: str) -> None:
    assert attach(ann, filename).json()["filename"] == kept


class TestLimits:
    @pytest.fixture
    def small(self, build: Callable[..., House]) -> Person:
        house = build(attachment_limit_bytes=1024, attachments_per_bug=2)
        ann = house.person("ann")
        ann.report()
        return ann

    def test_a_file_of_the_limit_is_taken_one_byte_more_is_not(self, small: Person) -> None:
        assert attach(small, content=b"x" * 1024).status_code == 201
        answer = attach(small, content=b"x" * 1025)
        assert (answer.status_code, answer.json()["code"]) == (413, "TooLarge")
        assert "at most 1,024 are taken" in answer.json()["detail"]

    def test_a_far_larger_one_is_refused_before_it_is_read(self, small: Person) -> None:
        answer = attach(small, content=b"x" * 50_000)
        assert (answer.status_code, answer.json()["code"]) == (413, "TooLarge")

    def test_also_without_a_declared_length(self, small: Person) -> None:
        def parts() -> Iterator[bytes]:
            yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.log"\r\n\r\n'
            for _ in range(50):
                yield b"x" * 1000
            yield b"\r\n--b--\r\n"

        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        answer = small.post("/api/v1/bugs/1/attachments", content=parts(), headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (413, "TooLarge")

    def test_a_bug_has_so_many_only(self, small: Person) -> None:
        assert [attach(small).status_code for _ in range(3)] == [201, 201, 422]
        assert small.delete("/api/v1/bugs/1/attachments/1").status_code == 204
        assert attach(small).status_code == 201


def test_a_removed_file_is_gone_and_its_hash_logged(house: House, ann: Person) -> None:
    attach(ann)
    pia = house.person("pia", Role.PM)
    assert pia.delete("/api/v1/bugs/1/attachments/1").status_code == 204
    assert ann.get("/api/v1/bugs/1/attachments/1/content").status_code == 404
    assert pia.delete("/api/v1/bugs/1/attachments/1").status_code == 404
    entry = pia.get("/api/v1/audit").json()["items"][0]
    assert entry["action"] == "attachment.removed"
    assert entry["details"]["sha256"] == hashlib.sha256(b"line\n").hexdigest()
    events = [(event["kind"], event["old_value"]) for event in pia.get("/api/v1/bugs/1/events").json()["items"]]
    assert events[-1] == ("detached", "a.log")


def test_an_attachment_belongs_to_its_bug(ann: Person) -> None:
    attach(ann)
    ann.report()
    assert ann.get("/api/v1/bugs/2/attachments/1/content").status_code == 404


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b"", "multipart/form-data; boundary=b"),
        (b"", "multipart/form-data"),
        (b"--b\r\n\r\n--b--\r\n", "multipart/form-data; boundary=b"),
        (b"garbage", "multipart/form-data; boundary=b"),
        (b"{}", "application/json"),
        (b"file=x", "application/x-www-form-urlencoded"),
        (
            b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n--b--\r\n',
            "multipart/form-data; boundary=b",
        ),
    ],
)
def test_what_is_no_upload_is_refused(ann: Person, body: bytes, media_type: str) -> None:
    answer = ann.post("/api/v1/bugs/1/attachments", content=body, headers={"Content-Type": media_type})
    assert 400 <= answer.status_code < 500
    assert answer.headers["Content-Type"] == "application/problem+json"
