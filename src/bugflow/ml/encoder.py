"""What turns a text into one dense vector: a sentence encoder in ONNX, one thread a call, without torch."""

import hashlib
import os
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from tokenizers import Tokenizer

from bugflow.errors import ArtifactCorrupt
from bugflow.ml.folder import read_folder, refused_if_unreadable

FORMAT = "bugflow-encoder-1"
MODEL, TOKENIZER, CARD = "model.onnx", "tokenizer.json", "card.md"
FILES = (MODEL, TOKENIZER, CARD)
SHIPPED_ENCODER = Path(__file__).parents[1] / "models" / "minilm-l6-v2"
CHARACTERS_PER_TOKEN = 8  # a text is cut to this many for each token before it is split: the rest cannot be reached
MANY = 50  # texts that are worth threads
SLOWER = ["SkipLayerNormFusion"]
"""What the runtime would join though it is slower joined: of 64 tokens 1.5 ms of 16, equally near to float32."""
REMEMBERED = 2_048  # vectors kept in memory: what is previewed is reported a moment later; 3 MB


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

    def remembers(self, text: str) -> bool:
        """Whether its vector is at hand, so that `encode` takes no time."""
        ...


class OnnxEncoder:
    """Tokeniser and network of one folder that `bugflow models export-encoder` wrote.

    Texts run one by one: int8 networks scale their activations by batch, so a text's vector would depend on what stands
    beside it; and on one thread a batch is no faster (64 tokens: 7.7 ms alone, 8.9 ms each in a batch of 32).
    """

    def __init__(
        self, name: str, *, n_dimensions: int, max_tokens: int, session: ort.InferenceSession, tokenizer: Tokenizer
    ) -> None:
        self.name = name
        self.n_dimensions = n_dimensions
        self._session = session
        self._tokenizer = tokenizer
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens)
        self._max_characters = CHARACTERS_PER_TOKEN * max_tokens
        self._room = REMEMBERED
        self._remembered: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()
        self._lock = Lock()

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of unit length, float32 [n, d], in the order of the texts; equal texts are computed once."""
        cut = [self._cut(text) for text in texts]
        keys = [hashlib.sha256(content).digest() for content in cut]
        with self._lock:
            known = {key: self._remembered[key] for key in keys if key in self._remembered}
        missing = {key: content.decode() for key, content in zip(keys, cut, strict=True) if key not in known}
        found = dict(zip(missing, self._run_all([*missing.values()]), strict=True))
        with self._lock:
            self._remembered |= found
            while len(self._remembered) > self._room:
                self._remembered.popitem(last=False)
        known |= found
        return np.asarray([known[key] for key in keys], np.float32).reshape(len(keys), self.n_dimensions)

    def remembers(self, text: str) -> bool:
        """Whether its vector is among the last ones made."""
        return hashlib.sha256(self._cut(text)).digest() in self._remembered

    def remember(self, vectors: Mapping[str, NDArray[np.floating[Any]]]) -> None:
        """Take up vectors [d] that it made of texts before, and keep them beside the last ones made."""
        with self._lock:
            self._remembered |= {
                hashlib.sha256(self._cut(text)).digest(): np.asarray(vector, np.float32)
                for text, vector in vectors.items()
            }
            self._room = REMEMBERED + len(vectors)

    def _cut(self, text: str) -> bytes:
        return text[: self._max_characters].encode("utf-8", "replace")

    def _run_all(self, texts: list[str]) -> list[NDArray[np.float32]]:
        """One thread for what a request asks, all cores for what a file brings."""
        if len(texts) < MANY:
            return [self._run(text) for text in texts]
        with ThreadPoolExecutor(os.cpu_count()) as threads:  # the network runs outside the interpreter's lock
            return [*threads.map(self._run, texts)]

    def _run(self, text: str) -> NDArray[np.float32]:
        ids = np.asarray([self._tokenizer.encode(text).ids], np.int64)
        vectors = self._session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0]
        return np.asarray(vectors[0], np.float32)


@lru_cache(maxsize=4)
def load_encoder(path: Path = SHIPPED_ENCODER) -> OnnxEncoder:
    """The encoder of a folder, after checking all of it; the shipped one unless another is named.

    Raises:
        ArtifactCorrupt: The folder is missing, truncated, altered or from elsewhere.
    """
    manifest, contents = read_folder(path, files={FORMAT: FILES})
    with refused_if_unreadable(path):
        tokenizer = Tokenizer.from_str(contents[TOKENIZER].decode("utf-8"))
        session = make_session(contents[MODEL], path=path)
        n_dimensions, max_tokens = int(manifest["n_dimensions"]), int(manifest["max_tokens"])
        if session.get_outputs()[0].shape[-1] != n_dimensions:
            raise ArtifactCorrupt(path=path, reason="the network's output is not as wide as the manifest says.")
    name = f"{manifest['name']}-{manifest['files'][MODEL]['sha256'][:8]}"
    return OnnxEncoder(name, n_dimensions=n_dimensions, max_tokens=max_tokens, session=session, tokenizer=tokenizer)


def make_session(model: bytes, *, path: Path) -> ort.InferenceSession:
    """A network that uses one thread for each call: requests run beside one another, not in one another's way.

    Raises:
        ArtifactCorrupt: These bytes are no network that the runtime understands.
    """
    options: Any = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"], disabled_optimizers=SLOWER)
    except Exception as error:
        # The runtime's own exceptions share no base class.
        raise ArtifactCorrupt(path=path, reason=f"{MODEL} is no network ({type(error).__name__}).") from error
