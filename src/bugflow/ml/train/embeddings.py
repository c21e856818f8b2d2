"""Vectors of texts, computed once: a folder of safetensors parts, found again by what the text says."""

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from bugflow.ml.encoder import Encoder

PART = 2_000  # texts a file: what an interrupted run loses, half a minute
SUFFIX = ".safetensors"

Progress = Callable[[int, int], None]
"""Is told how many of the texts that were not there are done, and how many they are."""


def default_cache() -> Path:
    """`~/.cache/bugflow/embeddings`, or where XDG_CACHE_HOME points; one folder an encoder in it."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bugflow" / "embeddings"


def hash_text(text: str) -> bytes:
    """The key of a text: SHA-256 of its UTF-8, 32 bytes."""
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


class CachedEncoder:
    """An encoder whose vectors, to half precision, are kept in a folder named like it.

    A part is named by the hash of its bytes and appears in full or not at all, so that killing a run costs the part it
    was at, and two runs may share the folder. A part that is not what its name says is removed and computed anew.
    """

    def __init__(self, encoder: Encoder, cache: Path, *, progress: Progress = lambda *_: None) -> None:
        self.name = encoder.name
        self.n_dimensions = encoder.n_dimensions
        self.folder = cache / encoder.name
        self._encoder = encoder
        self._progress = progress
        self._places: dict[bytes, int] = {}
        self._vectors = np.zeros((0, encoder.n_dimensions), np.float16)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors float32 [n, d] in the order of the texts; what is missing is computed and kept."""
        keys = [hash_text(text) for text in texts]
        if any(key not in self._places for key in keys):
            self._places, self._vectors = self.read()
        missing = [(key, text) for key, text in dict(zip(keys, texts, strict=True)).items() if key not in self._places]
        for start in range(0, len(missing), PART):
            part = missing[start : start + PART]
            made = self._encoder.encode([text for _, text in part]).astype(np.float16)
            self.add(np.asarray([list(key) for key, _ in part], np.uint8), made)
            self._progress(start + len(part), len(missing))
        if missing:
            self._places, self._vectors = self.read()
        return self._vectors[[self._places[key] for key in keys]].astype(np.float32)

    def remembers(self, text: str) -> bool:
        """Whether its vector was read from the folder, or made, before."""
        return hash_text(text) in self._places

    def add(self, keys: NDArray[np.uint8], vectors: NDArray[np.float16]) -> Path:
        """Write one part: keys uint8 [n, 32], vectors float16 [n, d]."""
        content = save({"keys": np.ascontiguousarray(keys), "vectors": np.ascontiguousarray(vectors)})
        path = self.folder / f"{hashlib.sha256(content).hexdigest()[:32]}{SUFFIX}"
        self.folder.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=self.folder, prefix=".part-", delete=False) as file:
            temporary = Path(file.name)
            try:
                file.write(content)
                file.close()
                temporary.replace(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
        return path

    def read(self) -> tuple[dict[bytes, int], NDArray[np.float16]]:
        """Row of each key, and all vectors [n, d]; damaged parts are removed."""
        keys, vectors = [], [np.zeros((0, self.n_dimensions), np.float16)]
        for path in sorted(self.folder.glob(f"*{SUFFIX}")):
            part = self._read_part(path)
            if part is None:
                path.unlink(missing_ok=True)
                continue
            keys += [row.tobytes() for row in part[0]]
            vectors.append(part[1])
        return {key: place for place, key in enumerate(keys)}, np.concatenate(vectors)

    def _read_part(self, path: Path) -> tuple[NDArray[np.uint8], NDArray[np.float16]] | None:
        try:
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest()[:32] != path.stem:
                return None
            arrays = load(content)
            keys, vectors = arrays["keys"], arrays["vectors"]
        except (OSError, KeyError, ValueError, SafetensorError):
            return None
        fits = keys.dtype == np.uint8 and vectors.dtype == np.float16 and len(keys) == len(vectors)
        return (keys, vectors) if fits and vectors.shape[1:] == (self.n_dimensions,) else None
