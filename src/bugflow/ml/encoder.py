"""What turns a text into one dense vector."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Encoder(Protocol):
    """A sentence encoder. Implementations may be called from several threads at once."""

    @property
    def name(self) -> str:
        """Identifies weights and quantisation: vectors of two names must not be compared."""
        ...

    @property
    def n_dimensions(self) -> int:
        """Length d of each vector."""
        ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of unit length, float32 [n, d], in the order of the texts."""
        ...
