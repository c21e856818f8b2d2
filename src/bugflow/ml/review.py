"""In which order bugs teach most: those that the machine is unsure of and that stand for many others like them."""

import numpy as np
from numpy.typing import NDArray


def rank(
    vectors: NDArray[np.float32], uncertainties: NDArray[np.float32], *, covered: NDArray[np.float32], n: int
) -> list[int]:
    """Positions of the n bugs to ask about, best first: the greedy maximum of a weighted facility location.

    Each bug is as well covered as the most alike one that was asked about, by their cosine, and counts by its
    uncertainty. Next comes the bug that raises the covered sum most; so of near twins one is asked, and one that stands
    for a crowd comes before a lonely one. Greedy is within 1 - 1/e of the best choice (Nemhauser, Wolsey and
    Fisher 1978); for choosing what to label see Wei, Iyer and Bilmes 2015. Of equal ones the earlier comes first.

    Args:
        vectors: float32 [m, d] of unit length; zeros for a bug that stands for nothing but itself.
        uncertainties: float32 [m], not negative.
        covered: float32 [m] in [0, 1], the cosine of each with the most alike one that was labelled already.
        n: At most so many.
    """
    alike = np.clip(vectors @ vectors.T, 0, 1)
    np.fill_diagonal(alike, 1)
    gains = np.maximum(alike - covered, 0) @ uncertainties
    chosen: list[int] = []
    while len(chosen) < min(n, len(vectors)):
        best = int(gains.argmax())
        gains[best] = np.maximum(alike[best] - covered, 0) @ uncertainties
        if gains[best] < gains.max():
            continue  # gains only shrink: who leads by today's figure need not be looked at again (Minoux 1978)
        chosen.append(best)
        gains[best] = -1
        covered = np.maximum(covered, alike[best])
    return chosen
