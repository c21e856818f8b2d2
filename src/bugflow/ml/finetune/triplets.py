"""Fine-tune a sentence encoder on what trackers closed as duplicates, with Sentence-Transformers."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from sentence_transformers.sentence_transformer.training_args import BatchSamplers
from transformers import PrinterCallback

from bugflow.errors import AlreadyExists, TooFewSamples
from bugflow.ml.duplicates.pairs import COLUMNS
from bugflow.ml.duplicates.search import prose_of
from bugflow.ml.encoder import Encoder, load_encoder
from bugflow.ml.finetune.export import MAX_TOKENS, export_encoder, refused_if_unknown
from bugflow.ml.finetune.fit import Teller, find_checkpoint
from bugflow.ml.finetune.network import quietly
from bugflow.ml.finetune.run import work_folder
from bugflow.ml.reports import to_texts
from bugflow.ml.text import clean
from bugflow.ml.train.dataset import Index
from bugflow.ml.train.embeddings import CachedEncoder, default_cache
from bugflow.ml.train.history import History, collect_pairs, read_history
from bugflow.ml.train.pairs import FEWEST, split_history

FORMAT = 1  # of the work folder; another one is never resumed
CHOSEN_ON = 0.15  # newest share of the earlier duplicates: their loss says which weights are kept
HARD = (3, 30)  # ranks by cosine that negatives come from: the very nearest are often duplicates that nobody marked
MOST_POSITIVES = 3  # earlier reports of a cluster that one report is paired with

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class TripletRecipe:
    """How a sentence encoder is fine-tuned.

    Attributes:
        base: Hugging Face name or folder.
        n_epochs: How often each triplet is read.
        learning_rate: The highest; of AdamW, linear after a warm-up.
        warmup_share: Part of all steps in which it rises from 0.
        batch_size: Triplets a step; the others' positives and negatives are negatives too.
        max_tokens: Longer texts are cut; title first.
        learned_tokens: The same while it learns: half as many take half the time (two cores: 6 s a step, not 11).
        checkpoint_steps: Steps between two checkpoints, each with a look at the triplets chosen on.
        seed: Of what is random.
    """

    base: str
    n_epochs: int = 3
    learning_rate: float = 2e-5
    warmup_share: float = 0.1
    batch_size: int = 32
    max_tokens: int = MAX_TOKENS
    learned_tokens: int = MAX_TOKENS // 2
    checkpoint_steps: int = 50
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Triplets:
    """n reports, each with an earlier one that says the same and a near one that does not."""

    anchors: list[str]
    positives: list[str]
    negatives: list[str]

    def as_dataset(self) -> Dataset:
        """As Sentence-Transformers reads them."""
        return Dataset.from_dict({"anchor": self.anchors, "positive": self.positives, "negative": self.negatives})


def tune_encoder(
    paths: Sequence[Path],
    recipe: TripletRecipe,
    *,
    out: Path,
    miner: Encoder | None = None,
    cache: Path | None = None,
    progress: Progress = lambda _: None,
) -> dict[str, Any]:
    """Fine-tune on the earlier duplicates of some trackers, say what cosine alone finds of the later ones, save it.

    Killed, the same call goes on from its last checkpoint.

    Args:
        paths: Files with columns id, created, duplicate_of and closed_as_duplicate, one a tracker.
        recipe: All knobs.
        out: The folder to make; its name becomes the encoder's.
        miner: Finds the near ones that do not say the same; the shipped encoder unless another is given.
        cache: Holds a folder of vectors for each encoder.
        progress: Is told each step.

    Returns:
        By tracker R@1, R@5 and R@10 of the later duplicates, `before` with the miner and `after`.

    Raises:
        InvalidFile: A file cannot be used.
        InvalidEncoder: There is no such base.
        TooFewSamples: Too few duplicates were marked.
        UnfaithfulExport: What would be saved says something else than what was trained.
        AlreadyExists: There is something at `out`.
        InUse: Another run is making the same encoder.
    """
    if out.exists():
        raise AlreadyExists(what="encoder", key=out.name)
    cache = cache or default_cache()
    near = CachedEncoder(miner or load_encoder(), cache)
    histories = [read_history(path, near, progress=progress) for path in paths]
    train, chosen_on = draw_triplets(histories, recipe, n_dimensions=near.n_dimensions)
    progress(f"{len(train.anchors):,} triplets to learn from, {len(chosen_on.anchors):,} to choose by")
    made_of = {"format": FORMAT, "recipe": asdict(recipe), "n": len(train.anchors), "last": train.anchors[-1]}
    with work_folder(out, made_of) as work:
        folder = _fit(train, chosen_on, recipe, work=work, progress=progress)
        exported = work / out.name
        shutil.rmtree(exported, ignore_errors=True)
        export_encoder(str(folder), exported, max_tokens=recipe.max_tokens)
        tuned = CachedEncoder(load_encoder(exported), cache)
        measured = {
            path.stem: {"before": recalls_by_cosine(known), "after": recalls_by_cosine(_encoded(path, tuned, progress))}
            for path, known in zip(paths, histories, strict=True)
        }
        export_encoder(str(folder), out, max_tokens=recipe.max_tokens, card=_card(recipe, len(train.anchors), measured))
    return measured


def draw_triplets(
    histories: Sequence[History], recipe: TripletRecipe, *, n_dimensions: int
) -> tuple[Triplets, Triplets]:
    """Of the earlier duplicates of each tracker, the older ones to learn from and the newest to choose by.

    Raises:
        TooFewSamples: Too few duplicates were marked.
    """
    random = np.random.default_rng(recipe.seed)
    parts: tuple[list[tuple[str, str, str]], list[tuple[str, str, str]]] = ([], [])
    for history in histories:
        earlier = split_history(history).earlier
        cut = len(earlier) - int(CHOSEN_ON * len(earlier))
        texts = [prose_of(clean(text)) for text in to_texts(history.corpus.rows)]
        for rows, found in zip((earlier[:cut], earlier[cut:]), parts, strict=True):
            found += [
                (texts[a], texts[b], texts[c]) for a, b, c in _near(history, rows, random, n_dimensions=n_dimensions)
            ]
    if len(parts[0]) < FEWEST or not parts[1]:
        reason = f"it takes {FEWEST} reports closed as a duplicate of an earlier one; found: {len(parts[0])}."
        raise TooFewSamples(task="duplicates", reason=reason)
    first, second = (Triplets(*(list(column) for column in zip(*part, strict=True))) for part in parts)
    return first, second


def _near(
    history: History, rows: Index, random: np.random.Generator, *, n_dimensions: int
) -> list[tuple[int, int, int]]:
    """Positions of a report, one that it repeats, and a near one of the same project that it does not repeat."""
    pairs = collect_pairs(history, rows, weight=np.ones(len(rows)), n_dimensions=n_dimensions)
    cosine, project = (pairs.values[:, COLUMNS.index(name)] for name in ("cosine", "same project"))
    found = []
    for start, end in pairs.groups():
        row = int(pairs.queries[start])
        other = np.flatnonzero(~pairs.same[start:end]) + start
        order = other[np.lexsort((-cosine[other], -project[other]))][slice(*HARD)]
        same = np.flatnonzero(history.clusters[:row] == history.clusters[row])[-MOST_POSITIVES:]
        if len(order):
            found += [(row, int(one), int(pairs.candidates[random.choice(order)])) for one in same]
    return found


def recalls_by_cosine(history: History) -> dict[str, float]:
    """R@1, R@5 and R@10 of the later duplicates, by the vectors alone, among all earlier reports."""
    vectors = np.asarray([bug.vector for bug in history.corpus.bugs], np.float32)
    ranks = []
    for row in split_history(history).later.tolist():
        cosines = vectors[:row] @ vectors[row]
        same = history.clusters[:row] == history.clusters[row]
        ranks.append(int((cosines >= cosines[same].max()).sum()) - 1)
    found = np.asarray(ranks)
    return {f"r_at_{k}": round(float((found < k).mean()), 4) if len(found) else 0.0 for k in (1, 5, 10)}


def _encoded(path: Path, encoder: Encoder, progress: Progress) -> History:
    progress(f"{path.name}: reading all reports with the tuned encoder")
    return read_history(path, encoder, progress=progress)


def _fit(train: Triplets, chosen_on: Triplets, recipe: TripletRecipe, *, work: Path, progress: Progress) -> Path:
    """The Hugging Face folder of the weights that had the lowest loss on the triplets to choose by."""
    done, checkpoints = work / "trained", work / "checkpoints"
    if done.exists():
        progress("Resuming: training had ended.")
        return done
    with quietly():
        with refused_if_unknown(recipe.base):
            model = SentenceTransformer(recipe.base, device=None)
        model.max_seq_length = min(recipe.learned_tokens, recipe.max_tokens)
        model.model_card_data.generate_widget_examples = False  # nobody sees the card that it would write
        trainer = SentenceTransformerTrainer(
            model=model,
            args=_arguments(recipe, checkpoints, n=len(train.anchors)),
            train_dataset=train.as_dataset(),
            eval_dataset=chosen_on.as_dataset(),
            loss=MultipleNegativesRankingLoss(model),
            callbacks=[Teller(progress)],
        )
        trainer.remove_callback(PrinterCallback)
        resumed = find_checkpoint(checkpoints)
        if resumed:
            progress(f"Resuming at step {resumed.name.rpartition('-')[2]}, from {resumed}")
        trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
        temporary = done.with_name(f".{done.name}")
        shutil.rmtree(temporary, ignore_errors=True)
        network: Any = model[0]
        network.auto_model.save_pretrained(temporary)
        network.tokenizer.save_pretrained(temporary)
        temporary.rename(done)
    shutil.rmtree(checkpoints, ignore_errors=True)
    return done


def _arguments(recipe: TripletRecipe, checkpoints: Path, *, n: int) -> SentenceTransformerTrainingArguments:
    every = max(1, min(recipe.checkpoint_steps, n // recipe.batch_size))
    return SentenceTransformerTrainingArguments(
        output_dir=str(checkpoints),
        num_train_epochs=recipe.n_epochs,
        per_device_train_batch_size=recipe.batch_size,
        per_device_eval_batch_size=recipe.batch_size,
        learning_rate=recipe.learning_rate,
        warmup_steps=recipe.warmup_share,  # below 1, Trainer takes it as a share
        batch_sampler=BatchSamplers.NO_DUPLICATES,  # two reports of one cluster would be each other's negatives
        eval_strategy="steps",
        eval_steps=every,
        save_strategy="steps",
        save_steps=every,
        save_total_limit=2,  # the newest and the best
        load_best_model_at_end=True,
        dataloader_pin_memory=torch.cuda.is_available(),
        metric_for_best_model="eval_loss",
        greater_is_better=False,
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        seed=recipe.seed,
    )


def _card(recipe: TripletRecipe, n: int, measured: dict[str, Any]) -> str:
    lines = [
        f"{Path(recipe.base).name}, fine-tuned on {n:,} triplets of reports that trackers closed as duplicates, one "
        "that they repeat, and a near one that they do not (multiple negatives ranking loss, "
        f"{recipe.n_epochs} epochs, {recipe.learning_rate:g}); of each tracker the earlier 60 % of its duplicates.",
        "",
        "| tracker, later 40 %, cosine alone | R@1 | R@10 | R@1 of the shipped encoder | R@10 |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, row in measured.items():
        after, before = row["after"], row["before"]
        cells = (after["r_at_1"], after["r_at_10"], before["r_at_1"], before["r_at_10"])
        lines.append(f"| {name} | {' | '.join(f'{cell:.3f}' for cell in cells)} |")
    return "\n".join(lines)
