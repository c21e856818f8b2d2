"""What a person is asked to look at, why, and what the answers about a random part say of all."""

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from math import log, sqrt

WILSON_Z = 1.96  # two-sided 95 %


class Cause(StrEnum):
    """Why a person is asked about a prediction of which the machine may well have been sure."""

    SPOT_CHECK = "spot_check"  # drawn at random when the bug was filed
    TWIN = "twin"  # a person gave a bug that says nearly the same another label


def is_drawn(bug_id: int, *, share: float) -> bool:
    """Whether a new bug is drawn for a spot check: by its number alone, so the same in every process and at any time.

    Neither the text nor the prediction has a say in it, which is what makes the measured accuracy one of all reports.
    """
    digest = hashlib.sha256(f"spot check {bug_id}".encode()).digest()
    return int.from_bytes(digest[:8]) < share * 2**64


def uncertainty(probabilities: Mapping[str, float]) -> float:
    """The entropy of a prediction as a share of what it can be: 0 where one label is certain, 1 where all are equal."""
    if len(probabilities) < 2:
        return 0.0
    return -sum(p * log(p) for p in probabilities.values() if p > 0) / log(len(probabilities))


def closest(probabilities: Mapping[str, float]) -> list[str]:
    """The two most probable labels, most probable first; of equal ones the first of the alphabet."""
    return sorted(probabilities, key=lambda label: (-probabilities[label], label))[:2]


def wilson_interval(n_right: int, n: int) -> tuple[float, float]:
    """Between which shares the true one lies in 95 of 100 cases (Wilson 1927); (0, 1) where nothing was counted."""
    if n == 0:
        return 0.0, 1.0
    share, spread = n_right / n, WILSON_Z**2 / n
    middle = (share + spread / 2) / (1 + spread)
    half = WILSON_Z * sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)
