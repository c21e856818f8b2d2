"""Serve a fine-tuned encoder: tokens in, logits out, one thread a call, without torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from tokenizers import Tokenizer

from bugflow.errors import ArtifactCorrupt
from bugflow.ml.encoder import CHARACTERS_PER_TOKEN, make_session
from bugflow.ml.features import Features

FORMAT = "bugflow-transformer-1"
NETWORK, TOKENIZER = "model.onnx", "tokenizer.json"


@dataclass(frozen=True, slots=True)
class TransformerModel:
    """A transformer with a head that scores k labels, weights in int8.

    Attributes:
        labels: The k labels; for severity in rising order.
        max_tokens: Longer texts are cut.
        content: The network as a file; kept, so that a loaded model can be saved again.
        tokenizer: Without padding; cuts at `max_tokens`.
        session: Runs `content`.
    """

    labels: tuple[str, ...]
    max_tokens: int
    content: bytes
    tokenizer: Tokenizer
    session: ort.InferenceSession

    def score(self, features: Features) -> NDArray[np.float64]:
        """Logits, float64 [n, k], before calibration, from `features.texts`.

        Texts run one by one: int8 networks scale their activations by batch, so a text's score would depend on what
        stands beside it.
        """
        rows = [self.score_text(text) for text in features.texts]
        return np.asarray(rows, np.float64).reshape(len(rows), len(self.labels))

    def score_text(self, text: str) -> NDArray[np.float64]:
        """Logits of one text, float64 [k]."""
        ids = read_ids(self.tokenizer, text, max_tokens=self.max_tokens)[None]
        logits = self.session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0]
        return np.asarray(logits[0], np.float64)


def read_ids(tokenizer: Tokenizer, text: str, *, max_tokens: int) -> NDArray[np.int64]:
    """Token ids of one text, int64 [tokens]; training and serving read the same. Never raises, whatever the string."""
    cut = text[: CHARACTERS_PER_TOKEN * max_tokens].encode("utf-8", "replace").decode()
    return np.asarray(tokenizer.encode(cut).ids, np.int64)


def encode_network(model: TransformerModel) -> dict[str, bytes]:
    """The files of a model folder that are its own."""
    return {NETWORK: model.content, TOKENIZER: model.tokenizer.to_str(pretty=False).encode("utf-8")}


def decode_network(
    path: Path, contents: Mapping[str, bytes], *, labels: tuple[str, ...], max_tokens: Any
) -> TransformerModel:
    """The model that these files hold; it is run once, on no words at all.

    Raises:
        ArtifactCorrupt: They hold none, or one of other labels.
    """
    if not isinstance(max_tokens, int) or max_tokens < 1:
        raise ArtifactCorrupt(path=path, reason="the manifest does not say how many tokens it reads.")
    session = make_session(contents[NETWORK], path=path)
    try:
        tokenizer = Tokenizer.from_str(contents[TOKENIZER].decode("utf-8"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_tokens)
        model = TransformerModel(labels, max_tokens, contents[NETWORK], tokenizer, session)
        logits = model.score_text("")
    except Exception as error:
        # Neither the tokeniser's nor the runtime's own exceptions have a base class of their own.
        raise ArtifactCorrupt(path=path, reason=f"its network cannot be run ({type(error).__name__}).") from error
    if logits.shape != (len(labels),) or not np.isfinite(logits).all():
        raise ArtifactCorrupt(path=path, reason="labels and network do not fit together.")
    return model
