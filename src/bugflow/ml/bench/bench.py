"""What every track is given: where the reports lie, how many to take, where vectors are kept, whom to tell."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from bugflow.ml.bench.trackers import sampled
from bugflow.ml.encoder import Encoder, load_encoder
from bugflow.ml.train.embeddings import CachedEncoder, default_cache


@dataclass(frozen=True, slots=True)
class Bench:
    """One run.

    Attributes:
        trackers: Parquet files of reports, one a tracker; empty for tracks that need none.
        limit: At most so many reports, for a trial; None for all.
        cache: Holds a folder of vectors for each encoder.
        tell: Is told each step.
        load: Gives the sentence encoder; the shipped one unless another is to be measured.
        load_peer: Gives the one that the peers read with; None: the same.
        n_runs: Calls that the latency of one thing is read from.
        verdicts: Pairs of reports that somebody read, for the track of duplicates; None: nobody did.
    """

    trackers: Sequence[Path]
    limit: int | None = None
    cache: Path = field(default_factory=default_cache)
    tell: Callable[[str], None] = lambda _: None
    load: Callable[[], Encoder] = load_encoder
    load_peer: Callable[[], Encoder] | None = None
    n_runs: int = 200
    verdicts: Path | None = None

    def trackers_for(self, limit: int | None) -> AbstractContextManager[list[Path]]:
        """The files, or smaller ones for as long as the context is open."""
        return sampled(self.trackers, limit=limit)

    def encoder(self) -> CachedEncoder:
        """The sentence encoder; what it made once is kept."""
        return self._kept(self.load())

    def peer_encoder(self) -> CachedEncoder:
        """The one that the peers read with."""
        return self._kept((self.load_peer or self.load)())

    def _kept(self, encoder: Encoder) -> CachedEncoder:
        return CachedEncoder(
            encoder, self.cache, progress=lambda done, n: self.tell(f"embedded {done:,} of {n:,} texts")
        )
