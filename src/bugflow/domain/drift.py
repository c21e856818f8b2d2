"""How far what comes in has moved: the population stability index of two samples."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import log, sqrt

MOVED, FAR = 0.10, 0.25
"""The usual thresholds of the index: below the first nothing to do, above the second act (Siddiqi, Credit Risk
Scorecards, 2006)."""

CHANCE_Z = 2.326  # one-sided 99 %: several features are looked at, again and again
FEWEST = 100  # reports on each side; with fewer, chance alone gives an index above the first threshold
SMOOTHING = 0.5  # reports, added to each bin, so that an empty one does not make the index infinite
MOST_BINS = 10  # as is usual for the index; the rest are one


class Drift(StrEnum):
    """How far it has moved, in a word."""

    UNKNOWN = "unknown"  # too few reports to tell
    STEADY = "steady"
    MOVED = "moved"
    FAR = "far"


@dataclass(frozen=True, slots=True)
class Movement:
    """How far each feature of the reports has moved.

    Attributes:
        indices: By feature, the population stability index, 0 and more; empty where there are too few reports.
        moved_most: The feature of the largest index that chance does not explain, if one does.
    """

    word: Drift
    indices: Mapping[str, float]
    moved_most: str | None = None


def stability_index(before: Sequence[Hashable], after: Sequence[Hashable]) -> tuple[float, float]:
    """The population stability index of two samples of bins, and what chance exceeds in one of a hundred cases.

    Of samples of one distribution, the index over (1/n + 1/m) is chi-squared with one degree of freedom less than
    there are bins (Yurdakul, Statistical Properties of Population Stability Index, 2018); its quantile is that of
    Wilson and Hilferty 1931.
    """
    counts = Counter(before), Counter(after)
    common = {name for name, _ in counts[0].most_common(MOST_BINS - 1)}
    folded = [Counter(name if name in common else None for name in sample) for sample in (before, after)]
    bins = folded[0].keys() | folded[1].keys()
    totals = [len(sample) + SMOOTHING * len(bins) for sample in (before, after)]
    index = 0.0
    for name in bins:
        share, now = ((one[name] + SMOOTHING) / total for one, total in zip(folded, totals, strict=True))
        index += (now - share) * log(now / share)
    free = len(bins) - 1
    if not free:
        return 0.0, 0.0
    quantile = free * (1 - 2 / (9 * free) + CHANCE_Z * sqrt(2 / (9 * free))) ** 3
    return index, quantile * (1 / len(before) + 1 / len(after))


def compare(before: Mapping[str, Sequence[Hashable]], after: Mapping[str, Sequence[Hashable]]) -> Movement:
    """How far the reports after have moved from those before, feature by feature; each is a bin a report."""
    if any(len(sample) < FEWEST for one in (before, after) for sample in one.values()):
        return Movement(Drift.UNKNOWN, {})
    found = {name: stability_index(before[name], after[name]) for name in before}
    beyond = {name: index for name, (index, chance) in found.items() if index > chance and index >= MOVED}
    most = max(beyond, key=lambda name: beyond[name], default=None)
    word = Drift.STEADY if most is None else Drift.FAR if beyond[most] >= FAR else Drift.MOVED
    return Movement(word, {name: index for name, (index, _) in found.items()}, most)
