"""Networks out of torch: ONNX, int8, with a check that they still say the same."""

import logging
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import QuantType, quantize_dynamic
from tokenizers import Tokenizer
from transformers import AutoModel, AutoTokenizer, PreTrainedModel

from bugflow.errors import InvalidEncoder, UnfaithfulExport
from bugflow.ml.encoder import CARD, FORMAT, MODEL, TOKENIZER, make_session
from bugflow.ml.folder import write_folder

MAX_TOKENS = 128  # of a report; title first. Twice as many cost twice the time
LEAST_COSINE = 0.95  # mean over the samples between the network in torch and the one that is saved
OPSET = 20

SAMPLES = (
    "The app crashes with a NullPointerException when the file is empty",
    "Typo on the settings page",
    "Login takes ten seconds since version 2.1.0 on Android and the spinner never stops",
    "Deploy fails: connection refused by the database container during migration",
    "Button overlaps the text in dark mode\nSteps: 1. open settings 2. choose dark 3. look at the button",
)
"""Made up; what an export is compared on."""


class SentenceEncoder(torch.nn.Module):
    """A transformer whose token vectors are averaged and brought to unit length (Reimers and Gurevych 2019)."""

    def __init__(self, network: PreTrainedModel) -> None:
        super().__init__()
        self.network = network

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Vectors [n, d] of token ids [n, tokens]."""
        hidden = self.network(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        counted = attention_mask.unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * counted).sum(1) / counted.sum(1).clamp(min=1e-9)
        return torch.nn.functional.normalize(mean, dim=1)


@dataclass(frozen=True, slots=True)
class Exported:
    """A network as ONNX.

    Attributes:
        content: The file.
        before: What the network said in torch about the samples, [n, width].
        after: What the file says about them, [n, width].
    """

    content: bytes
    before: NDArray[np.float32]
    after: NDArray[np.float32]

    @property
    def cosine(self) -> float:
        """Mean cosine between before and after."""
        norms = np.linalg.norm(self.before, axis=1) * np.linalg.norm(self.after, axis=1)
        return float(((self.before * self.after).sum(1) / np.maximum(norms, 1e-12)).mean())


def load_network(base: str) -> tuple[PreTrainedModel, Tokenizer]:
    """A Hugging Face encoder and its tokeniser, by folder, or by name where there is a network.

    Raises:
        InvalidEncoder: There is none of that name, or it has no fast tokeniser.
    """
    with refused_if_unknown(base):
        network = AutoModel.from_pretrained(base, attn_implementation="eager").eval()
    return network, load_tokenizer(base)


def load_tokenizer(base: str) -> Tokenizer:
    """The tokeniser of a Hugging Face encoder as the package `tokenizers` knows it, without transformers around it.

    Raises:
        InvalidEncoder: There is none of that name, or it has no fast tokeniser.
    """
    with refused_if_unknown(base):
        return Tokenizer.from_str(AutoTokenizer.from_pretrained(base).backend_tokenizer.to_str())


@contextmanager
def refused_if_unknown(base: str) -> Iterator[None]:
    """Call an encoder invalid that Hugging Face's libraries cannot load, whatever the reason."""
    try:
        yield
    except (OSError, ValueError, AttributeError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise InvalidEncoder(name=base, reason=reason) from error


def export_encoder(base: str, out: Path, *, max_tokens: int = MAX_TOKENS, card: str = "") -> Exported:
    """Write a sentence encoder in int8 with its tokeniser, as `load_encoder` reads it.

    Args:
        base: Hugging Face folder or name.
        out: The folder to make; its name becomes the encoder's.
        max_tokens: Longer texts are cut.
        card: Where it comes from, under which licence; Markdown.

    Raises:
        InvalidEncoder: There is no such network.
        UnfaithfulExport: What would be saved says something else than the network; nothing was written.
        AlreadyExists: There is something at `out`.
    """
    network, tokenizer = load_network(base)
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    exported = to_onnx(SentenceEncoder(network).eval(), tokenizer)
    if exported.cosine < LEAST_COSINE:
        raise UnfaithfulExport(reason=f"cosine {exported.cosine:.3f}, needed {LEAST_COSINE:.2f}.")
    n_dimensions = exported.after.shape[1]
    text = f"# {out.name}\n\n{card.strip()}\n\n" if card else f"# {out.name}\n\n"
    text += (
        f"{n_dimensions} dimensions, at most {max_tokens} tokens, mean over tokens, unit length. ONNX; weights in "
        f"int8 by output channel, activations quantised as they come. Mean cosine to the network in fp32 on "
        f"{len(SAMPLES)} made-up reports: {exported.cosine:.4f}.\n"
    )
    contents = {MODEL: exported.content, TOKENIZER: tokenizer.to_str(pretty=False).encode(), CARD: text.encode()}
    manifest = {"format": FORMAT, "name": out.name, "n_dimensions": n_dimensions, "max_tokens": max_tokens}
    write_folder(out, contents, manifest)
    return exported


def to_onnx(module: torch.nn.Module, tokenizer: Tokenizer, *, samples: Sequence[str] = SAMPLES) -> Exported:
    """A module that takes token ids and their mask, as ONNX with weights in int8.

    Weights are quantised to seven bits: processors without VNNI add products of eight bits in 16 and overflow
    (onnxruntime.ai, "Quantize ONNX models"); by output channel that costs 0.001 of cosine.
    """
    rows = [torch.tensor([tokenizer.encode(sample).ids]) for sample in samples]
    with torch.no_grad():
        before = np.concatenate([module(row, torch.ones_like(row)).numpy() for row in rows])
    with tempfile.TemporaryDirectory() as folder, _without_warnings():
        whole, small = Path(folder) / "whole.onnx", Path(folder) / MODEL
        sizes = {0: torch.export.Dim("texts"), 1: torch.export.Dim("tokens")}
        ids = torch.arange(14).reshape(2, 7)
        torch.onnx.export(
            module,
            (ids, (ids != 13).long()),  # two tensors, one of them with padding: else the mask is optimised away
            whole,
            dynamo=True,
            external_data=False,
            opset_version=OPSET,
            verbose=False,
            input_names=["input_ids", "attention_mask"],
            output_names=["output_values"],
            dynamic_shapes=(sizes, sizes),
        )
        quantize_dynamic(whole, small, weight_type=QuantType.QInt8, per_channel=True, reduce_range=True)
        content = small.read_bytes()
    session = make_session(content, path=Path(MODEL))
    after = [
        session.run(None, {"input_ids": row.numpy(), "attention_mask": np.ones_like(row.numpy())})[0] for row in rows
    ]
    return Exported(content, before, np.concatenate(after))


@contextmanager
def _without_warnings() -> Iterator[None]:
    """The exporter's are about its own inside."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
