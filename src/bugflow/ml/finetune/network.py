"""An encoder with a head that scores labels, as torch knows it, and what its errors cost."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from transformers import AutoModelForSequenceClassification, PreTrainedModel
from transformers.utils import logging

from bugflow.ml.finetune.export import load_tokenizer, refused_if_unknown


class Logits(torch.nn.Module):
    """The scores of a classifier and nothing else of what it answers; this is what is exported."""

    def __init__(self, network: PreTrainedModel) -> None:
        super().__init__()
        self.network = network

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Logits [n, k] of token ids [n, tokens]."""
        logits: torch.Tensor = self.network(input_ids=input_ids, attention_mask=attention_mask).logits
        return logits


def load_classifier(base: str, labels: Sequence[str], *, seed: int) -> tuple[PreTrainedModel, Tokenizer]:
    """A Hugging Face encoder with a new head for these labels, and its tokeniser without padding or limit.

    Raises:
        InvalidEncoder: There is none of that name, or it has no fast tokeniser.
    """
    torch.manual_seed(seed)  # the head begins at random
    with quietly(), refused_if_unknown(base):
        network = AutoModelForSequenceClassification.from_pretrained(
            base,
            num_labels=len(labels),
            id2label=dict(enumerate(labels)),
            label2id={label: place for place, label in enumerate(labels)},
            ignore_mismatched_sizes=True,  # the base may be a classifier of other labels
            dtype=torch.float32,
        )
    tokenizer = load_tokenizer(base)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return network, tokenizer


def load_trained(folder: Path) -> PreTrainedModel:
    """A classifier as training left it, ready to be exported."""
    with quietly():
        network: Any = AutoModelForSequenceClassification.from_pretrained(
            folder, attn_implementation="eager", dtype=torch.float32, local_files_only=True
        )
    trained: PreTrainedModel = network.eval()
    return trained


@contextmanager
def quietly() -> Iterator[None]:
    """Transformers neither draws bars for files of a few megabytes nor warns that the head is new: it shall be."""
    untyped: Any = logging
    verbosity = untyped.get_verbosity()
    untyped.set_verbosity_error()
    untyped.disable_progress_bar()
    try:
        yield
    finally:
        untyped.set_verbosity(verbosity)
        untyped.enable_progress_bar()


def weigh_classes(truth: NDArray[np.int64], weights: NDArray[np.float64], *, n_labels: int) -> NDArray[np.float32]:
    """The weight n / (k n_c) of each label c, float32 [k], over rows that count by their weights; 0 without rows.

    Requirements 3.2: 56 % of the rows give 0.44, 10 % give 2.46.
    """
    counts = np.bincount(truth, weights=weights, minlength=n_labels)
    found = counts > 0
    class_weights = np.zeros(n_labels, np.float32)
    class_weights[found] = counts.sum() / (n_labels * counts[found])
    return class_weights


def weighted_loss(logits: torch.Tensor, truth: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of logits [n, k] where rows count by their weights [n]."""
    losses = torch.nn.functional.cross_entropy(logits.float(), truth, reduction="none")
    return (losses * weights).sum() / weights.sum().clamp(min=1e-9)


def pad_rows(rows: Sequence[dict[str, Any]], *, pad_id: int) -> dict[str, torch.Tensor]:
    """One batch, as long as its longest row."""
    longest = max(len(row["input_ids"]) for row in rows)
    ids = torch.full((len(rows), longest), pad_id, dtype=torch.long)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    for place, row in enumerate(rows):
        ids[place, : len(row["input_ids"])] = torch.from_numpy(row["input_ids"])
        mask[place, : len(row["input_ids"])] = 1
    return {
        "input_ids": ids,
        "attention_mask": mask,
        "labels": torch.tensor([row["labels"] for row in rows], dtype=torch.long),
        "weights": torch.tensor([row["weights"] for row in rows], dtype=torch.float32),
    }
