"""What may be attached is told by content, not by name."""

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bugflow.domain.attachments import MAX_FILENAME_CHARACTERS, media_type_of, safe_filename
from bugflow.errors import RefusedAttachment

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


@pytest.mark.parametrize(
    ("filename", "content", "media_type"),
    [
        ("shot.png", PNG, "image/png"),
        ("SHOT.PNG", PNG, "image/png"),
        ("a.jpg", b"\xff\xd8\xff\xe0", "image/jpeg"),
        ("a.jpeg", b"\xff\xd8\xff\xe1", "image/jpeg"),
        ("a.gif", b"GIF89a..", "image/gif"),
        ("a.gif", b"GIF87a..", "image/gif"),
        ("a.webp", b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        ("a.pdf", b"%PDF-1.7", "application/pdf"),
        ("a.zip", b"PK\x03\x04....", "application/zip"),
        ("a.log.gz", b"\x1f\x8b\x08", "application/gzip"),
        ("a.log", b"\x1b[31mERROR\x1b[0m\r\n\tat x", "text/plain; charset=utf-8"),
        ("a.json", b"{}", "text/plain; charset=utf-8"),
        ("a.txt", "Größe 画".encode(), "text/plain; charset=utf-8"),
        ("a.xml", b"<script>alert(1)</script>", "text/plain; charset=utf-8"),  # never served as XML or HTML
    ],
)
def test_what_is_taken_gets_the_type_of_its_content(filename: str, content: bytes, media_type: str) -> None:
    assert media_type_of(filename, content) == media_type


@pytest.mark.parametrize(
    ("filename", "content", "reason"),
    [
        ("a.png", b"", "empty"),
        ("a.html", b"<html>", "only these are taken"),
        ("a.svg", b"<svg onload=alert(1)>", "only these are taken"),
        ("a.exe", b"MZ", "only these are taken"),
        ("noname", b"text", "only these are taken"),
        ("a.png", b"<html><script>", "not what .png promises"),
        ("a.txt", PNG, "its content is image/png, its name says .txt"),
        ("a.jpg", PNG, "its content is image/png, its name says .jpg"),
        ("a.webp", b"RIFF\0\0\0\0WAVEfmt ", "not what .webp promises"),
        ("a.txt", b"MZ\x90\x00\x03", "not what .txt promises"),
        ("a.log", b"\xff\xfe\x00", "not what .log promises"),
        ("a.log", b"latin \xe9", "not what .log promises"),
    ],
)
def test_anything_else_is_refused_with_the_reason(filename: str, content: bytes, reason: str) -> None:
    with pytest.raises(RefusedAttachment, match=reason):
        media_type_of(filename, content)


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("a.log", "a.log"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ann\\shot.png", "shot.png"),
        ("/a/b/", "b"),
        ("..", "file"),
        ("", "file"),
        ("...hidden.", "hidden"),
        ("a\r\nSet-Cookie: x.log", "aSet-Cookie: x.log"),
        ("a\x00b.log", "ab.log"),
        ("evil\u202egnp.log", "evilgnp.log"),  # no text that runs backwards
        ("x" * 300 + ".log", "x" * 196 + ".log"),
        ("画面.png", "画面.png"),
    ],
)
def test_a_file_name_is_made_safe(given_name: str, kept: str) -> None:
    assert safe_filename(given_name) == kept


@given(st.text())
def test_a_safe_name_is_one_short_printable_part_of_a_path(filename: str) -> None:
    name = safe_filename(filename)
    assert 1 <= len(name) <= MAX_FILENAME_CHARACTERS
    assert name not in {".", ".."}
    assert "/" not in name
    assert "\\" not in name
    assert PurePosixPath(name).name == name
    assert not any(ord(c) < 32 for c in name)
    name.encode()


@given(st.text(), st.binary())
def test_any_content_is_taken_or_refused(filename: str, content: bytes) -> None:
    try:
        media_type = media_type_of(filename, content)
    except RefusedAttachment:
        return
    assert "html" not in media_type
