"""Fine-tune a classifier with Transformers' Trainer: checkpoints, resumption, early stopping."""

import json
import math
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from transformers import (
    EarlyStoppingCallback,
    PreTrainedModel,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR
from typing_extensions import override

from bugflow.ml.finetune.network import load_classifier, pad_rows, quietly, weigh_classes, weighted_loss
from bugflow.ml.finetune.recipe import TransformerRecipe
from bugflow.ml.network import read_ids

N_THREADS = 2  # on a CPU, unless OMP_NUM_THREADS says otherwise: another number of threads rounds sums differently
MOST_LOOKED_AT = 1_000  # calibration reports whose loss is taken at each checkpoint: 5 % of the time of 100 steps
N_TIMED = 5  # steps after the first whose pace tells how long it takes
SORTED_BATCHES = 50  # batches whose reports are sorted by length together: little padding, still well mixed

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Samples:
    """n labelled texts.

    Attributes:
        texts: [n]; what networks read.
        truth: int64 [n]; positions of the labels.
        weights: float64 [n]; what each row counts as evidence.
    """

    texts: Sequence[str]
    truth: NDArray[np.int64]
    weights: NDArray[np.float64]


class _Rows(torch.utils.data.Dataset[dict[str, Any]]):
    """Token ids, label and weight of each sample."""

    def __init__(self, samples: Samples, tokenizer: Tokenizer, *, max_tokens: int) -> None:
        self.ids = [read_ids(tokenizer, text, max_tokens=max_tokens) for text in samples.texts]
        self.samples = samples

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, place: int) -> dict[str, Any]:
        truth, weight = int(self.samples.truth[place]), float(self.samples.weights[place])
        return {"input_ids": self.ids[place], "labels": truth, "weights": weight}


class _ByLength(torch.utils.data.Sampler[int]):
    """A new order each epoch in which neighbours are of like length; it depends on seed and epoch only.

    Trainer's own takes its order from the global generator, so a resumed epoch would read some reports twice.
    """

    def __init__(self, lengths: Sequence[int], *, batch_size: int, seed: int) -> None:
        self.lengths = np.asarray(lengths)
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        random = np.random.default_rng([self.seed, self.epoch])
        order, size = random.permutation(len(self.lengths)), self.batch_size * SORTED_BATCHES
        batches = []
        for start in range(0, len(order), size):
            part = order[start : start + size]
            part = part[np.argsort(-self.lengths[part], kind="stable")]
            batches += [part[first : first + self.batch_size] for first in range(0, len(part), self.batch_size)]
        last = [batches.pop()] if len(batches[-1]) < self.batch_size else []
        for place in random.permutation(len(batches)):
            yield from batches[place].tolist()
        for batch in last:  # a short one elsewhere would shift all that follow
            yield from batch.tolist()


class _Trainer(Trainer):
    """With rows and labels that count by their weights."""

    loss_is_scaled_for_ga = False

    def __init__(self, *, class_weights: torch.Tensor, seed: int, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._class_weights = class_weights
        self._seed = seed

    @override
    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        outputs = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"])
        weights = inputs["weights"] * self._class_weights.to(inputs["labels"].device)[inputs["labels"]]
        loss = weighted_loss(outputs.logits, inputs["labels"], weights)
        return (loss, outputs) if return_outputs else loss

    @override
    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        rows: Any = self.train_dataset
        return _ByLength(
            [len(ids) for ids in rows.ids], batch_size=self.args.per_device_train_batch_size, seed=self._seed
        )


class Teller(TrainerCallback):
    """Says how it goes, and looks at the calibration slice once more after the last step."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._first: tuple[int, float] | None = None

    @override
    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        if state.global_step >= state.max_steps:
            control.should_evaluate = control.should_save = True
        if self._first is None:
            self._first = state.global_step, time.monotonic()
        elif state.global_step == self._first[0] + N_TIMED:
            pace = (time.monotonic() - self._first[1]) / N_TIMED
            minutes = (state.max_steps - state.global_step) * pace / 60
            self._progress(f"{pace:.2f} s a step: about {minutes:.0f} minutes for {state.max_steps:,} steps")
        return control

    @override
    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, metrics: Any = None, **_: Any
    ) -> None:
        loss = metrics["eval_loss"]
        self._progress(f"step {state.global_step:,} of {state.max_steps:,}: loss {loss:.4f} on later reports")


@dataclass(frozen=True, slots=True)
class Trained:
    """A fine-tuned classifier.

    Attributes:
        folder: Hugging Face folder with its weights.
        tokenizer: Without padding; cuts at the recipe's limit, or at the encoder's if that is less.
        facts: For the report: how many tokens it reads, steps, the best of them, its loss, the weights of the labels.
    """

    folder: Path
    tokenizer: Tokenizer
    facts: dict[str, Any]


def fit(
    train: Samples, later: Samples, recipe: TransformerRecipe, *, labels: Sequence[str], work: Path, progress: Progress
) -> Trained:
    """Train on some samples and keep the weights that had the lowest loss on later ones.

    Killed, it goes on from its last checkpoint when it is called again with the same arguments, to the same weights.

    Args:
        train: What is learned.
        later: What decides which weights are kept, and when it is enough.
        recipe: All knobs.
        labels: In order.
        work: Folder for checkpoints; must hold those of the same data and recipe, or none.
        progress: Is told each step.

    Raises:
        InvalidEncoder: There is no such base.
    """
    network, tokenizer = load_classifier(recipe.base, labels, seed=recipe.rows.seed)
    max_tokens = min(recipe.max_tokens, getattr(network.config, "max_position_embeddings", recipe.max_tokens))
    tokenizer.enable_truncation(max_tokens)
    done, facts = work / "trained", work / "trained" / "facts.json"
    if facts.exists():
        progress("Resuming: training had ended.")
        return Trained(done, tokenizer, json.loads(facts.read_text("utf-8")))
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(N_THREADS)
    class_weights = np.ones(len(labels), np.float32)
    if recipe.weighted_classes:
        class_weights = weigh_classes(train.truth, train.weights, n_labels=len(labels))
    rows = _Rows(train, tokenizer, max_tokens=max_tokens)
    looked_at = np.unique(np.linspace(0, len(later.texts) - 1, MOST_LOOKED_AT).astype(np.int64))
    held_out = Samples([later.texts[row] for row in looked_at], later.truth[looked_at], later.weights[looked_at])
    pad_id = getattr(network.config, "pad_token_id", None)
    checkpoints = work / "checkpoints"
    with quietly():
        trainer = _Trainer(
            model=network,
            args=_arguments(recipe, checkpoints, n_rows=len(rows)),
            train_dataset=rows,
            eval_dataset=_Rows(held_out, tokenizer, max_tokens=max_tokens),
            data_collator=partial(pad_rows, pad_id=pad_id or 0),
            callbacks=[EarlyStoppingCallback(recipe.patience), Teller(progress)],
            class_weights=torch.from_numpy(class_weights),
            seed=recipe.rows.seed,
        )
        trainer.remove_callback(PrinterCallback)
        resumed = find_checkpoint(checkpoints)
        if resumed:
            progress(f"Resuming at step {resumed.name.rpartition('-')[2]}, from {resumed}")
        trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
    found = {
        "n_samples": len(rows),
        "max_tokens": max_tokens,
        "n_steps": trainer.state.global_step,
        "best_step": trainer.state.best_global_step,
        "best_loss": trainer.state.best_metric,
        "class_weights": [round(float(weight), 4) for weight in class_weights],
        "device": trainer.args.device.type,
    }
    with quietly():
        _keep(network, done, found)
    shutil.rmtree(checkpoints, ignore_errors=True)
    return Trained(done, tokenizer, found)


def _arguments(recipe: TransformerRecipe, checkpoints: Path, *, n_rows: int) -> TrainingArguments:
    on_cuda = torch.cuda.is_available()
    steps_an_epoch = math.ceil(math.ceil(n_rows / recipe.batch_size) / recipe.n_accumulated)
    every = max(1, min(recipe.checkpoint_steps, steps_an_epoch))
    return TrainingArguments(
        output_dir=str(checkpoints),
        num_train_epochs=recipe.n_epochs,
        per_device_train_batch_size=recipe.batch_size,
        per_device_eval_batch_size=recipe.batch_size,
        gradient_accumulation_steps=recipe.n_accumulated,
        optim="adamw_torch",
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        lr_scheduler_type=recipe.schedule,
        warmup_steps=recipe.warmup_share,  # below 1, Trainer takes it as a share
        fp16=on_cuda and recipe.precision == "fp16",
        bf16=on_cuda and recipe.precision == "bf16" and torch.cuda.is_bf16_supported(),
        eval_strategy="steps",
        eval_steps=every,
        save_strategy="steps",
        save_steps=every,
        save_total_limit=2,  # the newest and the best
        load_best_model_at_end=True,
        metric_for_best_model="eval_loss",
        greater_is_better=False,
        prediction_loss_only=True,
        remove_unused_columns=False,
        dataloader_pin_memory=on_cuda,
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        seed=recipe.rows.seed,
    )


def find_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written to its end; others are removed.

    Trainer writes `trainer_state.json` last.
    """
    whole = {}
    for path in folder.glob(f"{PREFIX_CHECKPOINT_DIR}-*"):
        try:
            whole[int(json.loads((path / "trainer_state.json").read_text("utf-8"))["global_step"])] = path
        except (OSError, ValueError, KeyError):
            shutil.rmtree(path)
    return whole[max(whole)] if whole else None


def _keep(network: PreTrainedModel, done: Path, facts: dict[str, Any]) -> None:
    """All of it or nothing."""
    temporary = done.with_name(f".{done.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    network.save_pretrained(temporary)
    (temporary / "facts.json").write_text(json.dumps(facts), "utf-8")
    temporary.rename(done)
