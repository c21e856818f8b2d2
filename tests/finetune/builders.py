"""A tiny DistilBERT with random weights, and made-up reports whose words give their label away."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from bugflow.ml.finetune.recipe import TransformerRecipe, make_recipe

CUES = {"Backend": "server query", "Frontend": "button layout", "Mobile": "swipe battery"}
FILLER = ("the", "page", "again", "when", "save", "user", "wrong", "shows", "list", "data")


def write_base(folder: Path) -> Path:
    """A Hugging Face folder: two layers of width 32 and a word-level tokeniser of the words above."""
    import torch
    from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
    from tokenizers.models import WordLevel
    from transformers import DistilBertConfig, DistilBertModel, PreTrainedTokenizerFast

    words = [*" ".join(CUES.values()).split(), *FILLER]
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    tokenizer = Tokenizer(WordLevel({word: place for place, word in enumerate([*special, *words])}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    fast: Any = PreTrainedTokenizerFast
    names = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    fast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"dim": 32, "hidden_dim": 64, "n_layers": 2, "n_heads": 2, "max_position_embeddings": 64}
    config = DistilBertConfig(vocab_size=len(words) + len(special), pad_token_id=0, **sizes)
    DistilBertModel(config).save_pretrained(folder)
    return folder


def write_tracker(path: Path, n: int, *, seed: int = 0) -> Path:
    """Dated reports, half of them of Backend, whose words give their team away."""
    random = np.random.default_rng(seed)
    start = datetime(2021, 1, 1, tzinfo=UTC)
    rows = []
    for number in range(n):
        owner = str(random.choice(list(CUES), p=[0.5, 0.3, 0.2]))
        words = [*random.choice(FILLER, 8), *random.choice(CUES[owner].split(), 2)]
        rows.append(
            {
                "id": str(number),
                "title": " ".join(words[-3:]),
                "description": " ".join(random.permutation(words)),
                "created": start + timedelta(hours=number),
                "owner": owner,
            }
        )
    pl.DataFrame(rows).write_parquet(path)
    return path


def toy_recipe(base: Path) -> TransformerRecipe:
    """Enough for the tiny network to tell the made-up reports apart."""
    recipe = make_recipe("transformer", "owner", "owner", base=str(base), n_epochs=12)
    return replace(recipe, learning_rate=5e-3, max_tokens=32)
