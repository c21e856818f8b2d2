"""Models as they come and go, and the runs that make them."""

from enum import StrEnum


class Stage(StrEnum):
    """What a model is to an installation; the newest row of its history counts."""

    CANDIDATE = "candidate"  # trained, and judged or about to be
    CHAMPION = "champion"  # answers
    RETIRED = "retired"  # answered once; kept, so that one can go back to it


class Trigger(StrEnum):
    """Why a retraining began."""

    CORRECTIONS = "corrections"  # enough new ones
    SCHEDULE = "schedule"
    MANUAL = "manual"


class RunState(StrEnum):
    """How far a retraining is."""

    QUEUED = "queued"
    RUNNING = "running"
    PROMOTED = "promoted"  # a model of it answers
    PASSED = "passed"  # a model of it may answer; a PM decides
    REFUSED = "refused"  # too little to learn from, or worse than what answers
    CANCELLED = "cancelled"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        return self not in {RunState.QUEUED, RunState.RUNNING}
