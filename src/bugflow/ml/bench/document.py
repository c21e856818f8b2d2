"""The requirements document's design, a peer of `latency`: two DistilBERTs and MiniLM in PyTorch, not downloaded."""

from dataclasses import dataclass
from typing import Any

import torch
from transformers import BertConfig, BertModel, DistilBertConfig, DistilBertForSequenceClassification

FIRST_WORD = 1_000  # ids below are marks and single letters in BERT's vocabulary


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of the two networks; as published: distilbert-base-uncased and all-MiniLM-L6-v2."""

    n_layers: int = 6
    width: int = 768
    n_heads: int = 12
    sentence_width: int = 384
    n_words: int = 30_522


class Document:
    """Severity, team and a vector for each text; random weights, because only the time is asked for."""

    def __init__(self, sizes: Sizes | None = None) -> None:
        sizes = sizes or Sizes()
        torch.set_num_threads(1)
        torch.manual_seed(0)
        classifier = DistilBertConfig(
            vocab_size=sizes.n_words,
            n_layers=sizes.n_layers,
            dim=sizes.width,
            hidden_dim=4 * sizes.width,
            n_heads=sizes.n_heads,
        )
        sentences = BertConfig(
            vocab_size=sizes.n_words,
            num_hidden_layers=sizes.n_layers,
            hidden_size=sizes.sentence_width,
            intermediate_size=4 * sizes.sentence_width,
            num_attention_heads=sizes.n_heads,
        )
        self._sizes = sizes
        self._networks: list[Any] = [
            DistilBertForSequenceClassification(classifier),
            DistilBertForSequenceClassification(classifier),
            BertModel(sentences),
        ]
        for network in self._networks:
            network.eval()

    def assess(self, n_tokens: int, *, n_texts: int = 1) -> None:
        """Run all three networks on random texts of one length."""
        ids = torch.randint(FIRST_WORD, self._sizes.n_words, (n_texts, n_tokens))
        mask = torch.ones_like(ids)
        with torch.inference_mode():
            for network in self._networks:
                network(input_ids=ids, attention_mask=mask)
