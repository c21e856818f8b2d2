"""The gate: whether a candidate may answer in the champion's place, rule by rule, in words that a PM reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import comb, sqrt
from typing import Any

MOST_DOUBTFUL = 0.3  # of what the champion gets wrong; up to 29 % of honest ones, mostly more with a fifth flipped
MOST_LOST = 0.10  # of what people accepted; the champion has all of it by definition
CHANCE = 20  # a loss that chance explains in one of so many cases, or in more, is no loss
CHANCE_Z = 1.645  # one-sided 95 %: what was learned must agree with people more often than by chance
OBVIOUS = 0.85  # where one label is common, all agree by chance; with a fifth flipped no model gets as far as this
CRITICAL_LOSS, LABEL_LOSS = 0.05, 0.10  # of recall, against the champion
FROZEN_LOSS, FROZEN_F1_LOSS = 0.03, 0.05  # on frozen rows; honest corrections cost up to 0.014 and 0.033, see docs
FROZEN_LABEL_LOSS = 0.20  # honest corrections cost a rare label up to 0.17
CALIBRATION_LOSS = 0.05  # honest corrections cost up to 0.02, nonsense 0.04
STRANGER_LOSS = 0.10  # honest corrections cost up to 0.05, a thousand random ones 0.08 to 0.22
MOST_SHOWN = 10  # pinned bugs that a verdict names
FEWEST_OF_LABEL = 10  # reports; a recall over fewer is luck


@dataclass(frozen=True, slots=True)
class Recall:
    """Of n reports with a label: how many each of the two gets right."""

    n: int
    champion: int
    candidate: int


@dataclass(frozen=True, slots=True)
class Frozen:
    """What two models answered about the evaluation rows that came with the one both are made from.

    Attributes:
        known: With the project that each report names.
        only_champion, only_candidate: Of those, how many only one of the two gets right.
        macro_f1: Of the champion, of the candidate, and the most that the second can exceed the first by, 95 % sure.
        calibration_error: Of the champion, and of the candidate.
        recalls: By label, of the same.
        strangers: As reports of a project that nobody knows, how often each label occurs taken out.
    """

    known: Recall
    only_champion: int
    only_candidate: int
    macro_f1: tuple[float, float, float]
    calibration_error: tuple[float, float]
    recalls: Mapping[str, Recall]
    strangers: Recall


@dataclass(frozen=True, slots=True)
class Evidence:
    """What two models answered about the same reports, none of which either had learned.

    Attributes:
        n: Reports on which a person said something since the champion learned.
        champion_right, candidate_right: Of the n.
        n_disputed: Of the n, how many the champion gets wrong.
        n_doubtful: Of these, how many the other words of people contradict.
        by_chance: Share of the n that the candidate would get right if its answers had nothing to do with them.
        n_acted, acted_right: Where the candidate would act under the promise.
        accepted: Bugs whose prediction people confirmed, or worked on and left alone.
        known: All of these together.
        only_champion, only_candidate: Of those, how many only one of the two gets right.
        recalls: By label, of the same.
        pinned: Bugs that every model must get right.
        unlearned_pins: Ids of those that the champion gets right and the candidate does not.
        frozen: On the rows that came with the base; None where it has none.
    """

    n: int
    champion_right: int
    candidate_right: int
    n_disputed: int
    n_doubtful: int
    by_chance: float
    n_acted: int
    acted_right: int
    accepted: Recall
    known: Recall
    only_champion: int
    only_candidate: int
    recalls: Mapping[str, Recall] = field(default_factory=dict)
    pinned: Recall = Recall(0, 0, 0)
    unlearned_pins: tuple[int, ...] = ()
    frozen: Frozen | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the gate and what came of it."""

    name: str
    passed: bool
    text: str


def read_evidence(facts: Mapping[str, Any]) -> Evidence:
    """Evidence from what `asdict` made of it, after a journey through JSON."""
    given = dict(facts)
    given |= {name: Recall(**given[name]) for name in ("accepted", "known", "pinned")}
    given["recalls"] = {label: Recall(**one) for label, one in given["recalls"].items()}
    given["frozen"] = _read_frozen(given["frozen"]) if given["frozen"] else None
    return Evidence(**{**given, "unlearned_pins": tuple(given["unlearned_pins"])})


def _read_frozen(facts: Mapping[str, Any]) -> Frozen:
    given = dict(facts)
    given |= {name: Recall(**given[name]) for name in ("known", "strangers")}
    given |= {name: tuple(given[name]) for name in ("macro_f1", "calibration_error")}
    given["recalls"] = {label: Recall(**one) for label, one in given["recalls"].items()}
    return Frozen(**given)


def judge(evidence: Evidence, *, promise: float) -> list[Rule]:
    """Every rule with its figures; a candidate passes if all of them do."""
    return [
        _consistent(evidence),
        _learned(evidence),
        _better(evidence),
        _accepted(evidence),
        _pinned(evidence),
        _promise(evidence, promise),
        *_recalls(evidence),
        *(_judge_frozen(evidence.frozen) if evidence.frozen else ()),
    ]


def _consistent(evidence: Evidence) -> Rule:
    share = evidence.n_doubtful / max(evidence.n_disputed, 1)
    text = (
        f"{evidence.n_doubtful} of {evidence.n_disputed} corrections contradict what the others teach; "
        f"at most {MOST_DOUBTFUL:.0%} may."
    )
    return Rule("corrections agree", share <= MOST_DOUBTFUL, text)


def _learned(evidence: Evidence) -> Rule:
    share, chance = evidence.candidate_right / max(evidence.n, 1), evidence.by_chance
    beyond = chance + CHANCE_Z * sqrt(chance * (1 - chance) / max(evidence.n, 1))
    text = (
        f"Of bugs on which people spoke, and which it had not seen, the candidate got {evidence.candidate_right} of "
        f"{evidence.n} right ({share:.0%}); {min(beyond, OBVIOUS):.0%} are needed, as {chance:.0%} would agree by "
        "chance."
    )
    return Rule("learned something", share > beyond or share >= OBVIOUS, text)


def _better(evidence: Evidence) -> Rule:
    known, lost = evidence.known, is_loss(evidence.only_champion, evidence.only_candidate)
    text = (
        f"Of the {known.n} bugs on which people spoke or which they left alone: candidate {known.candidate} right, "
        f"champion {known.champion}; only the candidate {evidence.only_candidate}, only the champion "
        f"{evidence.only_champion}."
    )
    return Rule("not worse than the champion", not lost, text)


def _accepted(evidence: Evidence) -> Rule:
    known = evidence.accepted
    lost = known.n - known.candidate
    text = (
        f"Of {known.n} bugs whose prediction people confirmed or left alone, the candidate says something else of "
        f"{lost}; at most {MOST_LOST:.0%} may be."
    )
    return Rule("keeps what people accepted", lost <= MOST_LOST * known.n, text)


def _pinned(evidence: Evidence) -> Rule:
    known, lost = evidence.pinned, evidence.unlearned_pins
    text = f"Of {known.n} pinned bugs the champion gets {known.champion} right; the candidate loses "
    shown = ", ".join(f"#{bug_id}" for bug_id in lost[:MOST_SHOWN]) + (", ..." if len(lost) > MOST_SHOWN else "")
    text += f"{len(lost)} of these ({shown}). Unpin what is wrong." if lost else "none of these."
    return Rule("keeps the pinned bugs", not lost, text)


def _promise(evidence: Evidence, promise: float) -> Rule:
    if not evidence.n_acted:
        text = f"It would act on none of them yet; {promise:.0%} right are promised."
        return Rule("keeps the promise", passed=True, text=text)
    share = evidence.acted_right / evidence.n_acted
    text = f"Where it would act it is right {share:.0%} of the time ({evidence.n_acted} bugs); promised: {promise:.0%}."
    return Rule("keeps the promise", share >= promise, text)


def _recalls(evidence: Evidence) -> list[Rule]:
    rules = []
    for label, found in evidence.recalls.items():
        if found.n < FEWEST_OF_LABEL:
            continue
        most = CRITICAL_LOSS if label == "critical" else LABEL_LOSS
        before, after = found.champion / found.n, found.candidate / found.n
        text = f"Of {found.n} bugs that are {label}, the candidate finds {after:.0%}, the champion {before:.0%}."
        lost = before - after > most and is_loss(found.champion - found.candidate, 0)
        rules.append(Rule(f"finds {label}", not lost, text))
    return rules


def _judge_frozen(frozen: Frozen) -> list[Rule]:
    """What is asked of the rows that came with the base: what it knew must not be forgotten over what is learned."""
    rules = [_frozen_right(frozen), _frozen_macro_f1(frozen)]
    for label, found in frozen.recalls.items():
        if found.n < FEWEST_OF_LABEL:
            continue
        most = CRITICAL_LOSS if label == "critical" else FROZEN_LABEL_LOSS
        before, after = found.champion / found.n, found.candidate / found.n
        lost = before - after > most and is_loss(found.champion - found.candidate, 0)
        text = f"Of {found.n} frozen rows that are {label}, the candidate finds {after:.0%}, the champion {before:.0%}."
        rules.append(Rule(f"still finds {label}", not lost, text))
    return [*rules, _frozen_calibration(frozen), _frozen_strangers(frozen)]


def _frozen_right(frozen: Frozen) -> Rule:
    known, net = frozen.known, frozen.only_champion - frozen.only_candidate
    lost = net > FROZEN_LOSS * known.n and is_loss(frozen.only_champion, frozen.only_candidate)
    text = (
        f"Of the {known.n} frozen rows that came with the base: candidate {known.candidate} right, champion "
        f"{known.champion}; beyond chance, at most {FROZEN_LOSS:.0%} may be lost."
    )
    return Rule("forgets nothing", not lost, text)


def _frozen_macro_f1(frozen: Frozen) -> Rule:
    before, after, best = frozen.macro_f1
    lost = before - after > FROZEN_F1_LOSS and best < 0
    text = (
        f"Macro-F1 there: candidate {after:.3f}, champion {before:.3f}; beyond chance, at most {FROZEN_F1_LOSS:.2f} "
        "may be lost."
    )
    return Rule("forgets no label", not lost, text)


def _frozen_calibration(frozen: Frozen) -> Rule:
    before, after = frozen.calibration_error
    text = (
        f"What it says of its sureness is off by {after:.1%} there, the champion by {before:.1%}; "
        f"it may rise by {CALIBRATION_LOSS:.0%}."
    )
    return Rule("knows how sure it is", after - before <= CALIBRATION_LOSS, text)


def _frozen_strangers(frozen: Frozen) -> Rule:
    found = frozen.strangers
    net = found.champion - found.candidate
    text = (
        f"Their projects withheld, and how often each label occurs taken out, the candidate gets {found.candidate} of "
        f"{found.n} right, the champion {found.champion}; at most {STRANGER_LOSS:.0%} may be lost."
    )
    return Rule("still understands others", net <= STRANGER_LOSS * found.n, text)


def is_loss(n_worse: int, n_better: int) -> bool:
    """Whether so many reports that got worse, beside those that got better, are more than chance (McNemar, exact)."""
    n = n_worse + n_better
    if n_worse <= n_better:
        return False
    return CHANCE * sum(comb(n, k) for k in range(n_worse, n + 1)) < 1 << n
