"""Turn cleaned reports into what models read: hashed words and signals; made once, shared by every model."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.text import CleanText
from bugflow.ml.weak_labels import find_keywords

SCHEME = "hash-1"  # stored in every artifact; a change here that moves a feature needs a new name

MAX_TOKENS = {"title": 60, "description": 600, "code": 200}  # by field; keeps a 20,000-character report under 3 ms

_TOKEN = re.compile(r"[^\W\d_](?:[\w']{0,28}\w)?")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_")


class Field(IntEnum):
    """Where a feature was read; the two highest bits of its key."""

    TITLE = 0
    DESCRIPTION = 1
    CODE = 2


SIGNALS = (
    "many words in the title",
    "long description",
    "no description",
    "has code or a log",
    "has a stack trace",
    "names an exception",
    "names an error code",
    "says how to reproduce",
    "names a version",
    "names a platform",
    "asks a question",
    "shouts",
    "keyword rule: critical",
    "keyword rule: high",
    "keyword rule: low",
    "keyword rule: Frontend",
    "keyword rule: Backend",
    "keyword rule: Mobile",
    "keyword rule: DevOps",
)
"""The dense features, in column order; each lies in [0, 1]."""


@dataclass(frozen=True, slots=True)
class Features:
    """The features of n reports, before any weighting that was learned.

    Attributes:
        offsets: int64 [n + 1]; report i owns the entries from offsets[i] to offsets[i + 1].
        keys: uint32 [entries]; field in the highest two bits, hash of the word or pair in the other 30. Rising within
            a report, without repetition.
        counts: float32 [entries]; 1 + ln(number of occurrences).
        signals: float32 [n, len(SIGNALS)].
        projects: [n]; lower-case names, empty where a report names none. No model reads them; calibration does.
        texts: [n]; what networks read: title and description without noise.
    """

    offsets: NDArray[np.int64]
    keys: NDArray[np.uint32]
    counts: NDArray[np.float32]
    signals: NDArray[np.float32]
    projects: Sequence[str]
    texts: Sequence[str]

    @property
    def n(self) -> int:
        """Number of reports."""
        return len(self.offsets) - 1

    def rows(self, index: NDArray[np.int64]) -> "Features":
        """The reports at these positions, in this order."""
        lengths = np.diff(self.offsets)[index]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        entries = np.arange(offsets[-1]) + np.repeat(self.offsets[index] - offsets[:-1], lengths)
        projects, texts = [self.projects[row] for row in index], [self.texts[row] for row in index]
        return Features(offsets, self.keys[entries], self.counts[entries], self.signals[index], projects, texts)

    @staticmethod
    def stack(parts: "Sequence[Features]") -> "Features":
        """The reports of several parts, in order."""
        parts = [*parts] or [extract([])]
        starts = np.cumsum([0, *(part.offsets[-1] for part in parts)])
        return Features(
            np.concatenate([[0], *(part.offsets[1:] + start for part, start in zip(parts, starts, strict=False))]),
            np.concatenate([part.keys for part in parts]),
            np.concatenate([part.counts for part in parts]),
            np.concatenate([part.signals for part in parts]),
            [project for part in parts for project in part.projects],
            [text for part in parts for text in part.texts],
        )


def extract(texts: Sequence[CleanText]) -> Features:
    """Words and neighbouring pairs of title, description and code, hashed, with the signals."""
    hashes: list[int] = []
    spans: list[tuple[int, int, int]] = []
    for row, text in enumerate(texts):
        for field, words in fields_of(text):
            if words:
                hashes.extend([crc32(word.encode("utf-8")) for word in words])
                spans.append((row, field, len(words)))
    keys, offsets, counts = _count(np.asarray(hashes, np.uint64), spans, n=len(texts))
    signals = np.asarray([_signals(text) for text in texts], np.float32).reshape(len(texts), len(SIGNALS))
    prose = [f"{text.title}\n{text.description}" for text in texts]
    return Features(offsets, keys, counts, signals, [text.project for text in texts], prose)


def name_cues(text: CleanText) -> dict[int, str]:
    """The words behind each key of one report: `title: crash`. Colliding ones are joined by ` / `."""
    names: dict[int, dict[str, None]] = {}
    for field, words in fields_of(text):
        hashes = np.asarray([crc32(word.encode("utf-8")) for word in words], np.uint64)
        prefix = "" if field is Field.DESCRIPTION else f"{field.name.lower()}: "
        for key, word in zip(_place(mix(hashes), field), words, strict=True):
            names.setdefault(int(key), {})[f"{prefix}{word}"] = None
        pairs = _place(_pair(hashes[:-1], hashes[1:]), field)
        for key, first, second in zip(pairs, words, words[1:], strict=False):
            names.setdefault(int(key), {})[f"{prefix}{first} {second}"] = None
    return {key: " / ".join(cues) for key, cues in names.items()}


def split_words(text: str) -> list[str]:
    """Lower-case words of 1 to 30 characters that begin with a letter; `camelCase` and `snake_case` also in parts."""
    words: list[str] = []
    for token in _TOKEN.findall(text):
        lowered = token.lower()
        if len(lowered) == 1:
            continue
        words.append(lowered)
        if lowered != token or "_" in token:
            parts = _CAMEL.split(token)
            if len(parts) > 1:
                words.extend(part.lower() for part in parts if len(part) > 1)
    return words


@lru_cache(maxsize=16)  # of one report: severity and team, what is kept for searches and the evidence all ask
def fields_of(text: CleanText) -> tuple[tuple[Field, list[str]], ...]:
    """The words of each field, in order."""
    return (
        (Field.TITLE, split_words(text.title)[: MAX_TOKENS["title"]]),
        (
            Field.DESCRIPTION,
            split_words(text.description[: 12 * MAX_TOKENS["description"]])[: MAX_TOKENS["description"]],
        ),
        (Field.CODE, split_words(text.code[: 12 * MAX_TOKENS["code"]])[: MAX_TOKENS["code"]]),
    )


def _count(
    hashes: NDArray[np.uint64], spans: list[tuple[int, int, int]], *, n: int
) -> tuple[NDArray[np.uint32], NDArray[np.int64], NDArray[np.float32]]:
    """Keys, offsets and damped counts of n reports from the hashes of all their words in a row."""
    rows, fields, lengths = np.asarray(spans, np.int64).reshape(-1, 3).T
    row = np.repeat(rows, lengths).astype(np.uint64)
    field = np.repeat(fields, lengths).astype(np.uint64)
    within = np.ones(max(len(hashes) - 1, 0), bool)
    within[np.cumsum(lengths)[:-1] - 1] = False  # no pair across two fields
    single = _place(mix(hashes), field) | (row << np.uint64(32))
    pairs = _place(_pair(hashes[:-1], hashes[1:]), field[:-1])[within] | (row[:-1][within] << np.uint64(32))
    entries, occurrences = np.unique(np.concatenate([single, pairs]), return_counts=True)
    offsets = np.searchsorted(entries, np.arange(n + 1, dtype=np.uint64) << np.uint64(32)).astype(np.int64)
    keys = (entries & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    return keys, offsets, (1 + np.log(occurrences)).astype(np.float32)


def mix(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Finalizer of SplitMix64 (Steele et al. 2014): CRC-32 alone is linear, its low bits correlate."""
    mixed = hashes + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _pair(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return mix((first << np.uint64(32)) | second)


def _place(mixed: NDArray[np.uint64], field: NDArray[np.uint64] | Field) -> NDArray[np.uint64]:
    return (mixed >> np.uint64(34)) | (np.asarray(field, np.uint64) << np.uint64(30))


def _signals(text: CleanText) -> list[float]:
    title, description = text.title, text.description
    hit = {label for _, label in find_keywords(f"{title}\n{description}")}
    letters = Counter(map(str.isupper, filter(str.isalpha, title)))
    return [
        min(title.count(" ") / 20, 1.0),
        min(len(description) / 2_000, 1.0),
        float(not description),
        float(bool(text.code)),
        float(text.n_frames > 0),
        float(bool(text.exceptions)),
        float(bool(text.error_codes)),
        float(text.has_steps),
        float(bool(text.versions)),
        float(bool(text.platforms)),
        float("?" in title),
        float(letters[True] > letters[False] or "!!" in title),
        *(float(label in hit) for label in ("critical", "high", "low", "Frontend", "Backend", "Mobile", "DevOps")),
    ]
