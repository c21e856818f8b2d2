"""What may be attached to a bug: logs and screenshots, recognised by their content, not by what the sender claims."""

import re
import unicodedata
from pathlib import PurePosixPath

from bugflow.errors import RefusedAttachment

_SIGNATURES: tuple[tuple[bytes, str, tuple[str, ...]], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png", (".png",)),
    (b"\xff\xd8\xff", "image/jpeg", (".jpg", ".jpeg")),
    (b"GIF87a", "image/gif", (".gif",)),
    (b"GIF89a", "image/gif", (".gif",)),
    (b"RIFF", "image/webp", (".webp",)),
    (b"%PDF-", "application/pdf", (".pdf",)),
    (b"PK\x03\x04", "application/zip", (".zip",)),
    (b"\x1f\x8b", "application/gzip", (".gz",)),
)
_TEXT_SUFFIXES = (
    *(".txt", ".log", ".json", ".jsonl", ".csv", ".tsv", ".xml", ".yaml", ".yml", ".md", ".har", ".diff", ".patch"),
    *(".trace", ".out", ".err", ".ini", ".conf", ".toml"),
)

ALLOWED_SUFFIXES = tuple(sorted({s for _, _, suffixes in _SIGNATURES for s in suffixes} | set(_TEXT_SUFFIXES)))

MAX_FILENAME_CHARACTERS = 200


def safe_filename(filename: str) -> str:
    """The last part of a path, without control characters, cut to a length every file system takes."""
    name = PurePosixPath(filename.replace("\\", "/")).name
    name = "".join(c for c in name if unicodedata.category(c)[0] != "C").strip().strip(".") or "file"
    if len(name) <= MAX_FILENAME_CHARACTERS:
        return name
    suffix = PurePosixPath(name).suffix[:20]
    return name[: MAX_FILENAME_CHARACTERS - len(suffix)] + suffix


def media_type_of(filename: str, content: bytes) -> str:
    """The type a file is kept and served as.

    Raises:
        RefusedAttachment: It is empty, of a kind that is not taken, or its content is not what its name says.
    """
    suffix = PurePosixPath(filename).suffix.lower()
    if not content:
        raise RefusedAttachment(filename=filename, reason="it is empty.")
    if suffix not in ALLOWED_SUFFIXES:
        raise RefusedAttachment(filename=filename, reason=f"only these are taken: {', '.join(ALLOWED_SUFFIXES)}.")
    for signature, media_type, suffixes in _SIGNATURES:
        if content.startswith(signature) and (media_type != "image/webp" or content[8:12] == b"WEBP"):
            if suffix in suffixes:
                return media_type
            raise RefusedAttachment(filename=filename, reason=f"its content is {media_type}, its name says {suffix}.")
    if suffix in _TEXT_SUFFIXES and _is_text(content):
        return "text/plain; charset=utf-8"
    raise RefusedAttachment(filename=filename, reason=f"its content is not what {suffix} promises.")


def _is_text(content: bytes) -> bool:
    if re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]", content):  # 1b stays: logs carry ANSI colours
        return False
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
