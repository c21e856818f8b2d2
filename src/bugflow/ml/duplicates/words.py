"""What a report says, as hashed words by part: small enough to be kept with every bug, enough to compare two."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.features import Field, fields_of, mix
from bugflow.ml.text import CleanText

SCHEME = "words-1"  # kept with every bug; a change here that moves a word needs a new name

ENTRY = np.dtype([("key", "<u4"), ("count", "u1")])
"""One word of one part: the part in the highest three bits of the key, its hash in the others; how often it occurs."""

WORD_BITS = 29
WORD_MASK = np.uint32(2**WORD_BITS - 1)
MOST_COUNTED = 255

Entries = NDArray[Any]
"""Of dtype `ENTRY`, rising in `key`, no key twice."""


class Part(IntEnum):
    """Where a word was read."""

    TITLE = 0
    DESCRIPTION = 1
    CODE = 2
    EXCEPTION = 3
    ERROR_CODE = 4
    FRAME = 5
    VERSION = 6
    PLATFORM = 7


PROSE = (Part.TITLE, Part.DESCRIPTION, Part.CODE)
"""The parts whose words are searched; what the others hold is compared only."""

_PART_OF_FIELD = {Field.TITLE: Part.TITLE, Field.DESCRIPTION: Part.DESCRIPTION, Field.CODE: Part.CODE}
_FUNCTION = re.compile(r"([\w$<>]{1,80}[.:#]{1,2}[\w$<>]{1,80})\s?\(|:in ['`]?([\w$<>]{1,80})")  # Java, .NET, C++; Ruby
MAX_FRAMES = 20  # the innermost ones; below them every report of one program looks alike


def read_words(text: CleanText) -> Entries:
    """The words of a cleaned report, of dtype `ENTRY`; some 400 bytes for a usual one."""
    counted = Counter((part, word) for part, word in parts_of(text))
    if not counted:
        return np.zeros(0, ENTRY)
    keys = keys_of(*zip(*counted, strict=True))
    unique, place = np.unique(keys, return_inverse=True)
    entries = np.zeros(len(unique), ENTRY)
    entries["key"] = unique
    counts = np.bincount(place, weights=np.fromiter(counted.values(), np.float64, len(counted)))
    entries["count"] = np.minimum(counts, MOST_COUNTED)
    return entries


def parts_of(text: CleanText) -> Iterator[tuple[Part, str]]:
    """Every word of a report with the part where it stands, in order, repetitions included."""
    for field, words in fields_of(text):
        for word in words:
            yield _PART_OF_FIELD[field], word
    for name in text.exceptions:
        yield Part.EXCEPTION, name.rsplit(".", 1)[-1].lower()
    for code in text.error_codes:
        yield Part.ERROR_CODE, code.lower()
    for frame in frames_of(text):
        yield Part.FRAME, frame.lower()
    for version in text.versions:
        yield Part.VERSION, version.lower().removeprefix("v")
    for platform in text.platforms:
        yield Part.PLATFORM, platform


def frames_of(text: CleanText) -> list[str]:
    """The functions named in stack frames, `Class.method`, innermost first, without repetition."""
    if not text.n_frames:
        return []
    found = (match[1] or match[2] for match in _FUNCTION.finditer(text.code))
    return list(dict.fromkeys(found))[:MAX_FRAMES]


def keys_of(parts: tuple[Part, ...], words: tuple[str, ...]) -> NDArray[np.uint32]:
    """The key of each word in its part, uint32 [n]."""
    hashes = np.asarray([crc32(word.encode("utf-8", "replace")) for word in words], np.uint64)
    placed = np.asarray(parts, np.uint64) << np.uint64(WORD_BITS)
    return (placed | (mix(hashes) >> np.uint64(64 - WORD_BITS))).astype(np.uint32)


def to_bytes(entries: Entries) -> bytes:
    """As it is kept with a bug."""
    return entries.tobytes()


def join(rows: Iterable[Entries]) -> tuple[Entries, NDArray[np.int64]]:
    """The words of several reports in a row, and which report each is of, int64 [entries].

    Four times as fast as `concatenate`, which looks at each one's dtype.
    """
    contents = [row.tobytes() for row in rows]
    sizes = [len(content) // ENTRY.itemsize for content in contents]
    return np.frombuffer(b"".join(contents), ENTRY), np.repeat(np.arange(len(sizes)), sizes)


def from_bytes(content: bytes) -> Entries:
    """What `to_bytes` made; bytes of another length are cut."""
    return np.frombuffer(content[: len(content) // ENTRY.itemsize * ENTRY.itemsize], ENTRY)
