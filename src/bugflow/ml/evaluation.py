"""Frozen evaluation rows: what a model and its successors are asked for ever, without a word of the reports."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from bugflow.ml.calibration import Calibration
    from bugflow.ml.classifier import LinearModel

MAX_BYTES = 2_400_000  # of the file, header apart; 1,500 rows of four labels take 1.2 MB
N_ROWS = 1_500  # a loss of two points in a hundred is then beyond chance
STRANGER = ""  # the project of a report that names none: nobody's share is added
DTYPES = {"words": "float16", "meaning": "float16", "vectors": "float16", "projects": "int16", "truth": "int16"}


@dataclass(frozen=True, slots=True)
class EvaluationRows:
    """n reports, oldest first, that the measured model had not seen; kept as numbers, so that no text is shipped.

    What corrections move is the weight of the text's vector and the calibration, never the words' weights. So what the
    words say is kept as scores, from a model of the same recipe that had not learned these reports: the saved model
    has. Hashes of words would not do: pairs of neighbours in order are nearly the text.

    Attributes:
        words: float16 [n, k]; logits of words, pairs, signals and intercept.
        meaning: float16 [n, k]; what the text's meaning adds where it is read.
        vectors: float16 [n, d] of the encoder, of unit length.
        projects: int16 [n]; position among the sorted projects that the model has a share of, -1 for any other.
        truth: int16 [n], positions in the labels.
        encoder: Made the vectors.
    """

    words: NDArray[np.float16]
    meaning: NDArray[np.float16]
    vectors: NDArray[np.float16]
    projects: NDArray[np.int16]
    truth: NDArray[np.int16]
    encoder: str

    @property
    def n(self) -> int:
        """Number of reports."""
        return len(self.truth)

    def names(self, calibration: "Calibration") -> list[str]:
        """The project of each report [n] as a model knows it that has this calibration."""
        known = sorted(calibration.shares)
        return [known[place] if place >= 0 else STRANGER for place in self.projects.tolist()]

    def score(self, model: "LinearModel", projects: Sequence[str]) -> NDArray[np.float64]:
        """Logits, float64 [n, k], of the measured model with what this one has learned from corrections since.

        Args:
            model: The one that came with the rows, or one that was adapted from it; it may have more labels.
            projects: Of each report.
        """
        n_new = len(model.labels) - self.words.shape[1]
        scores = np.hstack(
            [self.words.astype(np.float64), np.tile(model.intercept[len(model.labels) - n_new :], (self.n, 1))]
        )
        strange = np.asarray([project not in model.familiar for project in projects], bool)
        if model.meaning:
            scores[strange, : self.words.shape[1]] += self.meaning[strange]
        if model.learned:
            read = np.asarray([model.reads(project) for project in projects], bool)
            scores[read] += model.learned.score(self.vectors[read].astype(np.float32))
        return scores

    def tensors(self) -> dict[str, NDArray[Any]]:
        """As they are stored."""
        return {name: getattr(self, name) for name in DTYPES}


def most_rows(n_labels: int, n_dimensions: int) -> int:
    """How many rows fit into a file of `MAX_BYTES`, at most `N_ROWS`."""
    return min(N_ROWS, MAX_BYTES // (4 * n_labels + 2 * n_dimensions + 4))


def describe(rows: EvaluationRows) -> dict[str, Any]:
    """What a manifest says of them."""
    tensors = {name: {"shape": list(array.shape), "dtype": str(array.dtype)} for name, array in rows.tensors().items()}
    return {"encoder": rows.encoder, "tensors": tensors}


def check_rows(
    tensors: Mapping[str, NDArray[Any]], described: Mapping[str, Any], *, n_labels: int, n_projects: int
) -> EvaluationRows:
    """The rows that are stored as these arrays.

    Raises:
        ValueError: They are not what the manifest says, or hold what no training gives.
    """
    found = {name: {"shape": list(array.shape), "dtype": str(array.dtype)} for name, array in tensors.items()}
    if found != described["tensors"] or {name: facts["dtype"] for name, facts in found.items()} != DTYPES:
        raise ValueError("The arrays are not those of the manifest.")
    n, k = tensors["words"].shape
    shapes: dict[str, tuple[int, ...]] = {
        "words": (n, k),
        "meaning": (n, k),
        "vectors": (n, tensors["vectors"].shape[-1]),
    }
    shapes |= {"projects": (n,), "truth": (n,)}
    if any(tensors[name].shape != shape for name, shape in shapes.items()) or not 1 < k <= n_labels:
        raise ValueError("Rows and labels do not fit together.")
    truth, projects = tensors["truth"], tensors["projects"]
    if not n or truth.min() < 0 or truth.max() >= k or projects.min() < -1 or projects.max() >= n_projects:
        raise ValueError("Labels or projects are named that the model does not have.")
    if not all(np.isfinite(tensors[name]).all() for name in ("words", "meaning", "vectors")):
        raise ValueError("Its arrays hold values that no training gives.")
    if sum(array.nbytes for array in tensors.values()) > MAX_BYTES:
        raise ValueError(f"The rows take more than {MAX_BYTES} bytes.")
    return EvaluationRows(**tensors, encoder=str(described["encoder"]))
