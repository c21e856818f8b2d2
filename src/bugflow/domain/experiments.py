"""Two models on live bugs, looked at as often as one likes: tests that are valid at any time.

The measure of surprise is an e-value. If the models are alike, it stays below 1/a for ever with probability 1 - a
(Ville 1939), however often one looks; so it may be looked at after each bug, and the first look above the bar decides.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import exp, log

from bugflow.domain.predictions import BugText

ENOUGH = 20.0  # two equal models get a winner in at most one of twenty comparisons
ALARMING = 100.0  # a model that is no worse is rolled back in at most one of a hundred probations
PROBATION = 1_000  # bugs, after which a new model is trusted
HALF = 0.5
SHARES = (0.6, 0.7, 0.8, 0.9)
"""How often the better one may be right where one is. The mean over them finds 10 points, with 3 points that the worse
one gets right instead, after a median of 140 bugs (2,000 simulations)."""
PRIOR = 0.5  # Jeffreys' belief of a rate before anything was seen
PATIENT = 0.9  # of the corrections were made by the age at which a bug counts
FEW, A_DAY = 5, timedelta(days=1)  # with fewer corrections nobody knows what they take: a day
_LARGEST = 700.0  # its exponential is still a number


class ExperimentKind(StrEnum):
    """What the challenger does meanwhile."""

    SHADOW = "shadow"  # answers silently, beside the champion
    AB = "ab"  # answers for half of the bugs
    PROBATION = "probation"  # is the former champion, answers silently, and comes back if the new one is worse


class Winner(StrEnum):
    CHAMPION = "champion"
    CHALLENGER = "challenger"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class Trial:
    """One bug that both models answered, of which one answer was shown.

    Attributes:
        shown, silent: The two answers.
        by_challenger: Whether the challenger's was shown.
        word: What a person said the bug is; None where nobody objected.
        reported_at, said_at: When it was filed, and when the person spoke.
    """

    shown: str
    silent: str
    by_challenger: bool
    word: str | None
    reported_at: datetime
    said_at: datetime | None

    @property
    def corrected(self) -> bool:
        return self.word is not None and self.word != self.shown

    @property
    def only(self) -> Winner:
        """Which of the two alone was right, as far as people said; what they left alone is."""
        truth = self.word or self.shown
        if self.shown == self.silent or truth not in {self.shown, self.silent}:
            return Winner.NEITHER
        return Winner.CHALLENGER if (truth == self.shown) is self.by_challenger else Winner.CHAMPION


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two models were worth on the same live bugs.

    Attributes:
        n: Bugs that count.
        n_agreed: Of the n, those on which both said the same.
        only_champion, only_challenger: Of the n, those on which only one was right.
        shown_by_champion, shown_by_challenger: Bugs for which each answered.
        corrected_of_champion, corrected_of_challenger: Of those, how many a person corrected.
        surprise: The e-value against "they are equally good"; in a probation against "the new one is no worse".
        ahead: Who did better.
    """

    n: int
    n_agreed: int
    only_champion: int
    only_challenger: int
    shown_by_champion: int
    shown_by_challenger: int
    corrected_of_champion: int
    corrected_of_challenger: int
    surprise: float
    ahead: Winner


def gets_challenger(experiment_id: int, share: float, text: BugText) -> bool:
    """Whether the challenger answers for a text: the same text gets the same model, so previews show what is filed."""
    words = "\0".join([str(experiment_id), text.project or "", text.title, text.description])
    drawn = hashlib.sha256(words.encode("utf-8", "replace")).digest()
    return int.from_bytes(drawn[:8], "big") < share * 2**64


def find_settled(trials: Sequence[Trial], *, now: datetime) -> list[Trial]:
    """Those that count: as old as nine in ten corrected ones were when a person corrected them; with few, a day.

    A bug that was left alone is known to be right only later than one that was corrected is known to be wrong. Counted
    as soon as known, the corrections would come first and every new model would begin badly.
    """
    ages = sorted(one.said_at - one.reported_at for one in trials if one.corrected and one.said_at is not None)
    age = ages[int(PATIENT * len(ages))] if len(ages) >= FEW else A_DAY
    return [one for one in trials if one.reported_at + age <= now]


def compare(kind: ExperimentKind, trials: Sequence[Trial]) -> Comparison:
    """What the trials, in the order of reporting, say about the two models."""
    only = [one.only for one in trials]
    only_champion, only_challenger = only.count(Winner.CHAMPION), only.count(Winner.CHALLENGER)
    by_champion = [one.corrected for one in trials if not one.by_challenger]
    by_challenger = [one.corrected for one in trials if one.by_challenger]
    if kind is ExperimentKind.AB:
        surprise = weigh_arms(zip(by_champion, by_challenger, strict=False))[-1]
        better = sum(by_champion) * len(by_challenger) - sum(by_challenger) * len(by_champion)
    else:
        better = only_challenger - only_champion
        surprise = weigh_pairs(only_challenger, only_champion)
        if kind is ExperimentKind.SHADOW:
            surprise = (surprise + weigh_pairs(only_champion, only_challenger)) / 2
    return Comparison(
        n=len(trials),
        n_agreed=sum(one.shown == one.silent for one in trials),
        only_champion=only_champion,
        only_challenger=only_challenger,
        shown_by_champion=len(by_champion),
        shown_by_challenger=len(by_challenger),
        corrected_of_champion=sum(by_champion),
        corrected_of_challenger=sum(by_challenger),
        surprise=surprise,
        ahead=Winner.CHALLENGER if better > 0 else Winner.CHAMPION if better < 0 else Winner.NEITHER,
    )


def find_winner(kind: ExperimentKind, found: Comparison, *, n_most: int) -> Winner | None:
    """Who won; None while it goes on."""
    if found.surprise >= (ALARMING if kind is ExperimentKind.PROBATION else ENOUGH):
        return found.ahead
    return Winner.NEITHER if found.n >= n_most else None


def weigh_pairs(n_better: int, n_worse: int) -> float:
    """E-value against "of the bugs that only one of two models gets right, this one gets at most half".

    The mean of the likelihood ratios of `SHARES` against one half, each of which is valid for every share up to that.
    """
    ratios = [n_better * log(share / HALF) + n_worse * log((1 - share) / HALF) for share in SHARES]
    return sum(exp(min(ratio, _LARGEST)) for ratio in ratios) / len(ratios)


def weigh_arms(blocks: Iterable[tuple[bool, bool]]) -> list[float]:
    """E-values against "both arms are corrected equally often", before the first and after each block.

    A block is one bug of each arm, in the order of reporting; True where it was corrected.

    The safe test of two proportions (Turner, Ly and Grünwald 2024): before each block the rates of both arms are
    estimated from the blocks before it; the block's likelihood under them is divided by that under their mean.
    """
    surprise, n = 0.0, 2 * PRIOR
    corrected, found = [PRIOR, PRIOR], [1.0]
    for block in blocks:
        rates = [count / n for count in corrected]
        mean = sum(rates) / 2
        for was_corrected, rate in zip(block, rates, strict=True):
            surprise += log(rate / mean) if was_corrected else log((1 - rate) / (1 - mean))
        corrected = [count + one for count, one in zip(corrected, block, strict=True)]
        n += 1
        found.append(exp(min(surprise, _LARGEST)))
    return found
