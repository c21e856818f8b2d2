"""Equal and nearly equal texts: MinHash signatures (Broder 1997) with banding, the same on every machine."""

import hashlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

N_HASHES = 32
N_BANDS = 8
"""Bands of four hashes: a pair of Jaccard similarity 0.8 is compared with probability 1 - (1 - 0.8^4)^8 = 0.985."""
FEWEST_EQUAL_HASHES = 27
"""Of 32: similarity 0.84 as estimated. What that is worth in exact similarity is in docs/howto/prepare-data.md."""
SHINGLE = 3  # words in a row that are compared as one
READ_BYTES = 6_000
"""Of the words of a text enter its signature: bounds the memory of a batch. Equality is judged on all of them."""

_WORD_BYTES = bytes(
    byte if chr(byte).isalnum() or byte >= 0x80 else 0x20  # every byte of a letter beyond ASCII is part of a word
    for byte in range(256)
)
_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that it can be inverted modulo 2^64
_INVERSE = np.uint64(pow(0x9E3779B97F4A7C15, -1, 2**64))
_RANDOM = np.random.Generator(np.random.PCG64(20_260_101)).integers(1, 2**31, (2, N_HASHES), dtype=np.uint32)
_FACTORS, _OFFSETS = _RANDOM[0] * np.uint32(2) + np.uint32(1), _RANDOM[1]

UInt64 = NDArray[np.uint64]
Index = NDArray[np.int64]


def keys_of(texts: Sequence[str]) -> tuple[Index, list[bytes]]:
    """A 64-bit key of each text, and its words: lower case, single spaces, nothing but letters and digits.

    Texts with the same words in the same order have the same key. Two of 5.3 million different ones share a key by
    chance with probability 1e-6.
    """
    words = [b" ".join(text.lower().encode("utf-8", "replace").translate(_WORD_BYTES).split()) for text in texts]
    keys = [int.from_bytes(hashlib.blake2b(each, digest_size=8).digest(), "little", signed=True) for each in words]
    return np.asarray(keys, np.int64), words


def draws_of(keys: Index, *, seed: int) -> Index:
    """A pseudo-random number of each text, from its key and the seed alone, int64 [n], none negative."""
    moved = keys.view(np.uint64) + np.uint64(seed * int(_BASE) % 2**64)
    return (_mix(moved) >> np.uint64(1)).astype(np.int64)


def signatures_of(words: Sequence[bytes]) -> list[bytes]:
    """MinHash over three-word shingles: 32 hashes of 16 bits each, 64 bytes; of texts as `keys_of` returns them."""
    if not words:
        return []
    cut = [each[:READ_BYTES] or b"-" for each in words]
    data = np.frombuffer(b" ".join(cut), np.uint8)
    gaps = np.flatnonzero(data == 0x20)
    starts, ends = np.concatenate([[0], gaps + 1]), np.concatenate([gaps, [len(data)]])
    hashes = _mix(_sums(data, starts, ends))
    lengths = np.asarray([each.count(b" ") + 1 for each in cut])
    last = np.repeat(np.cumsum(lengths) - 1, lengths)  # of each word, the last word of its text
    places = np.arange(len(hashes))
    shingles = hashes.copy()
    for step in range(1, SHINGLE):
        shingles = _mix(shingles + hashes[np.minimum(places + step, last)] * np.uint64(2 * step + 1))
    # The last two words begin no whole shingle; in a text of less than three words they are all there is.
    whole = (places + SHINGLE - 1 <= last) | (np.repeat(lengths, lengths) < SHINGLE)
    kept = np.maximum(lengths - SHINGLE + 1, np.where(lengths < SHINGLE, lengths, 1))
    halves, firsts = (shingles[whole] >> np.uint64(32)).astype(np.uint32), np.concatenate([[0], np.cumsum(kept)[:-1]])
    signature = np.empty((len(words), N_HASHES), np.uint16)
    permuted = np.empty_like(halves)
    for number in range(N_HASHES):
        np.multiply(halves, _FACTORS[number], out=permuted)
        np.add(permuted, _OFFSETS[number], out=permuted)
        signature[:, number] = (np.minimum.reduceat(permuted, firsts) & np.uint32(0xFFFF)).astype(np.uint16)
    return [row.tobytes() for row in signature]


def find_near_duplicates(signatures: NDArray[np.uint16]) -> Index:
    """For each text the earlier one that it nearly repeats, or itself.

    Args:
        signatures: uint16 [n, 32], in the order in which the first of several is kept.

    Returns:
        int64 [n]. A text is named only if it repeats one that stays, so chains of small changes are not followed.
    """
    n = len(signatures)
    leader = np.arange(n, dtype=np.int64)
    pairs = []
    bands = np.ascontiguousarray(signatures).view(np.uint64)
    for band in range(N_BANDS):
        order = np.argsort(bands[:, band], kind="stable")
        values = bands[order, band]
        same = np.flatnonzero(values[1:] == values[:-1]) + 1
        if not len(same):
            continue
        begins = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))
        heads = begins[np.searchsorted(begins, same, side="right") - 1]
        later = np.concatenate([order[same], order[same]])
        earlier = np.concatenate([order[heads], order[same - 1]])
        pairs.append(_similar(signatures, later, earlier))
    if not pairs:
        return leader
    for later, earlier in np.unique(np.concatenate(pairs), axis=0).tolist():
        if leader[earlier] == earlier and leader[later] == later:
            leader[later] = earlier
    return leader


def _similar(signatures: NDArray[np.uint16], later: Index, earlier: Index, *, step: int = 500_000) -> Index:
    """The pairs whose signatures agree enough, int64 [m, 2]."""
    kept = []
    for start in range(0, len(later), step):
        some, others = later[start : start + step], earlier[start : start + step]
        alike = (signatures[some] == signatures[others]).sum(axis=1) >= FEWEST_EQUAL_HASHES
        kept.append(np.stack([some[alike], others[alike]], axis=1))
    return np.concatenate(kept)


def _sums(data: NDArray[np.uint8], starts: Index, ends: Index) -> UInt64:
    """Polynomial hash of each word, modulo 2^64, from running sums."""
    powers, inverses = _powers(1 << len(data).bit_length())
    running = np.zeros(len(data) + 1, np.uint64)
    np.cumsum((data + np.uint64(1)) * powers[: len(data)], out=running[1:])
    sums: UInt64 = (running[ends] - running[starts]) * inverses[starts]
    return sums


@lru_cache(maxsize=2)
def _powers(n: int) -> tuple[UInt64, UInt64]:
    powers, inverses = np.full(n, _BASE), np.full(n, _INVERSE)
    return np.multiply.accumulate(powers), np.multiply.accumulate(inverses)


def _mix(values: UInt64) -> UInt64:
    """The finaliser of SplitMix64: every bit of the input moves every bit of the output."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
