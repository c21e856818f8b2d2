"""What is compared first where every bug is compared: each vector along its main axes, in eight bits.

A vector is taken apart into its part along k of d axes, kept as codes, and the rest of which only the length is kept.
By the inequality of Cauchy and Schwarz the product of two rests is at most that of their lengths, so a cosine is known
to be at most so much: whatever may be among the nearest can be told before a whole vector is read.
"""

from dataclasses import dataclass, replace

import numkong
import numpy as np
from numpy.typing import NDArray

LARGEST = 127
BLOCK = 8_192  # vectors that are coded at a time
FEW = 4 * BLOCK  # vectors, and fewer, that are all compared as they are: in 2 ms
KEPT = (
    7 / 12
)  # of the dimensions: 224 of 384 leave some 500 of 100,000 real reports to be compared in full, 192 some 900
GROWTH = 4  # axes are found anew, from `BLOCK` vectors, when so many times as many are known


def compare(vectors: NDArray[np.float16], vector: NDArray[np.floating]) -> NDArray[np.float32]:
    """The cosine of each of n vectors [n, d] with one [d], all of unit length to half precision; float32 [n]."""
    if not len(vectors):  # which numkong refuses
        return np.zeros(0, np.float32)
    return np.asarray(numkong.cdist(vectors, vector[None].astype(np.float16), "dot"), np.float32)[:, 0]


def find_axes(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The directions that hold most of some vectors [n, d]; float32 [d, k], of unit length and at right angles."""
    d = vectors.shape[1]
    _, axes = np.linalg.eigh(vectors.T @ vectors)
    return np.ascontiguousarray(axes[:, d - round(KEPT * d) :])


@dataclass(frozen=True, slots=True)
class Coded:
    """Some vectors along k axes.

    Attributes:
        codes: int8 [n, k]; times its step nearly what the vector is along the axes.
        steps: float32 [n]; 0 for a vector of zeros.
        errors: float32 [n]; length of what the codes are off along the axes.
        rests: float32 [n]; length of what is at right angles to the axes.
    """

    codes: NDArray[np.int8]
    steps: NDArray[np.float32]
    errors: NDArray[np.float32]
    rests: NDArray[np.float32]

    @staticmethod
    def of(vectors: NDArray[np.float32], axes: NDArray[np.float32]) -> "Coded":
        """Vectors [n, d] along axes [d, k]."""
        along = vectors @ axes
        steps = (np.abs(along).max(axis=1) / LARGEST).astype(np.float32)
        codes = np.rint(along / np.where(steps > 0, steps, 1)[:, None])
        rests = np.sqrt(np.maximum(_squares(vectors) - _squares(along), 0))
        errors = np.sqrt(_squares(along - codes * steps[:, None]))
        return Coded(codes.astype(np.int8), steps, errors, rests)


def _squares(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of the length of each."""
    return np.asarray(np.linalg.vecdot(vectors, vectors), np.float32)


@dataclass(frozen=True, slots=True)
class Block:
    """`BLOCK` vectors in a row, packed for comparisons with one."""

    packed: numkong.PackedMatrix
    coded: Coded  # without codes, which are packed

    @staticmethod
    def of(vectors: NDArray[np.float16], axes: NDArray[np.float32]) -> "Block":
        """Vectors [`BLOCK`, d] along axes [d, k]."""
        coded = Coded.of(vectors.astype(np.float32), axes)
        return Block(numkong.dots_pack(coded.codes), replace(coded, codes=coded.codes[:0]))

    def bound(self, asked: Coded) -> NDArray[np.float32]:
        """No cosine with a single vector of unit length is above this; float32 [BLOCK]."""
        products = np.asarray(numkong.dots_packed(asked.codes, self.packed), np.float32)[0]
        off = self.coded.errors * (1 + asked.errors) + asked.errors
        return np.asarray(products * (self.coded.steps * asked.steps) + off + self.coded.rests * asked.rests)


@dataclass(frozen=True, slots=True)
class Codes:
    """The codes of the first `len(codes)` of n vectors: of whole blocks. Immutable.

    Attributes:
        axes: float32 [d, k]; None while there are but few vectors.
        n_known: From how many vectors, but zeros, the axes were found.
    """

    axes: NDArray[np.float32] | None = None
    n_known: int = 0
    blocks: tuple[Block, ...] = ()

    def __len__(self) -> int:
        return BLOCK * len(self.blocks)

    def extended(self, vectors: NDArray[np.float16]) -> "Codes":
        """With all whole blocks of n vectors, of which the first `len(codes)` are coded already; some may be zeros."""
        known = np.flatnonzero(vectors[:, 0])  # where a vector has a zero there, nothing is lost
        axes, n_known, blocks = self.axes, self.n_known, [*self.blocks]
        if len(known) >= max(FEW, GROWTH * n_known):
            some = vectors[known[:: len(known) // BLOCK]].astype(np.float32)
            axes, n_known, blocks = find_axes(some), len(known), []
        if axes is not None:
            for start in range(BLOCK * len(blocks), len(vectors) - BLOCK + 1, BLOCK):
                blocks.append(Block.of(vectors[start : start + BLOCK], axes))
        return Codes(axes, n_known, tuple(blocks))

    def bound(self, vectors: NDArray[np.float16], vector: NDArray[np.floating]) -> NDArray[np.float32]:
        """What the cosine of a vector [d] with each of n is at most; float32 [n].

        Those behind the last whole block are compared as they are. 100,000 take 2.5 ms on one thread, where float32
        takes 14 ms.
        """
        rest = compare(vectors[len(self) :], vector)
        if self.axes is None:
            return rest
        asked = Coded.of(vector[None].astype(np.float32), self.axes)
        return np.concatenate([*(block.bound(asked) for block in self.blocks), rest])
