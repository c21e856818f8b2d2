"""One fine-tuning run: read, draw, train, export, calibrate what was exported, measure it, save it."""

import fcntl
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from bugflow.errors import AlreadyExists, InUse, TooFewSamples, UnfaithfulExport
from bugflow.ml.artifact import Artifact, save_artifact
from bugflow.ml.calibration import Calibration
from bugflow.ml.card import Method, write_card
from bugflow.ml.encoder import CHARACTERS_PER_TOKEN, make_session
from bugflow.ml.features import Features
from bugflow.ml.finetune.export import Exported, to_onnx
from bugflow.ml.finetune.fit import N_THREADS, Samples, Trained, fit
from bugflow.ml.finetune.network import Logits, load_trained
from bugflow.ml.finetune.recipe import TransformerRecipe
from bugflow.ml.network import TransformerModel
from bugflow.ml.train.costs import thin
from bugflow.ml.train.dataset import Dataset, Index, read_dataset, split_by_time
from bugflow.ml.train.evaluate import score, score_peers
from bugflow.ml.train.linear import calibrate

FORMAT = 1  # of the work folder; another one is never resumed
MOST_COMPARED = 200  # reports that torch and the saved network both answer
LEAST_AGREEMENT = 0.90  # share of them with the same likeliest label; MiniLM in int8 has 0.97 and more
MOST_DIFFERENCE = 0.05  # of the probabilities, on average

Progress = Callable[[str], None]


def train_transformer(
    paths: Sequence[Path], recipe: TransformerRecipe, *, out: Path, progress: Progress = lambda _: None
) -> Artifact:
    """Fine-tune an encoder on labelled reports, say what it is worth, and save it.

    The model that is saved is the one that was measured: the newest reports are not learned. Checkpoints lie in a
    folder beside `out` until it is saved; killed, the same call goes on from there, to the same model.

    Args:
        paths: Files, or folders of Parquet files; each file is one tracker.
        recipe: All knobs.
        out: The folder to make, named like `severity-1`.
        progress: Is told each step.

    Raises:
        InvalidFile: A file cannot be used.
        InvalidEncoder: There is no such base.
        TooFewSamples: Fewer than two labels have enough reports, or none is left to calibrate or to test.
        UnfaithfulExport: The network in int8 says something else than the one that was trained; nothing is saved.
        AlreadyExists: There is something at `out`.
        InUse: Another run is making the same model.
    """
    if out.exists():
        raise AlreadyExists(what="model", key=out.name)
    data = read_dataset(paths, recipe.rows, progress=progress)
    train, later, test = split_by_time(data, recipe.rows, test_share=recipe.rows.test_share)
    counted = test[thin(data.weights[test])]
    for rows, name in ((train, "train"), (later, "calibrate"), (counted, "test")):
        if not len(rows):
            reason = f"after the split no report is left to {name} on. Give more, or more of later dates."
            raise TooFewSamples(task=recipe.rows.task, reason=reason)
    drawn = draw(data.truth, train, n=recipe.n_samples, seed=recipe.rows.seed)
    progress(f"{len(data.truth):,} reports with {len(data.labels)} labels; {len(drawn):,} to train on")
    with work_folder(out, {"format": FORMAT, "recipe": recipe.as_json(), "data": data.facts}) as work:
        trained = fit(
            _samples(data, drawn), _samples(data, later), recipe, labels=data.labels, work=work, progress=progress
        )
        progress("exporting to ONNX, int8")
        model, parity = _export(trained, data, compared=np.concatenate([later, drawn]), out=out)
        progress(f"int8 and fp32 agree on {parity['label_agreement']:.1%} of {parity['n']} reports")
        known = Known(model, _samples(data, np.concatenate([later, test])).texts)
        logits = known.score(data.features.rows(later))
        calibration = calibrate(
            logits, data.truth[later], data.weights[later], labels=data.labels, projects=data.projects(later)
        )
        report = _report(Calibrated(known, calibration), data, drawn=drawn, train=train, later=later, test=test)
        report |= {"task": recipe.rows.task, "parity": parity, "training": trained.facts}
        progress(f"newest reports: macro-F1 {report['by_time']['model']['macro_f1']:.3f}")
        settings = recipe.as_json()
        artifact = Artifact(
            name=out.name,
            task=recipe.rows.task,
            model=model,
            calibration=calibration,
            recipe=settings,
            report=report,
            card=write_card(out.name, report, settings, method=_method(recipe, report)),
        )
        save_artifact(artifact, out)
    return artifact


def draw(truth: Index, rows: Index, *, n: int | None, seed: int) -> Index:
    """At most n of these rows, each label in proportion but with one row at least, in row order."""
    if n is None or n >= len(rows):
        return rows
    random = np.random.default_rng(seed)
    labels, counts = np.unique(truth[rows], return_counts=True)
    exact = n * counts / counts.sum()
    taken = np.maximum(np.floor(exact).astype(np.int64), 1)
    for place in np.argsort(taken - exact, kind="stable")[: max(n - int(taken.sum()), 0)]:
        taken[place] += 1
    drawn = [
        random.choice(rows[truth[rows] == label], size, replace=False)
        for label, size in zip(labels, taken.tolist(), strict=True)
    ]
    return np.sort(np.concatenate(drawn))


class Known:
    """A model whose answers to some texts are computed once, by several threads, and then looked up."""

    def __init__(self, model: TransformerModel, texts: Sequence[str]) -> None:
        self.labels = model.labels
        with ThreadPoolExecutor(N_THREADS) as pool:
            self._logits = dict(zip(texts, pool.map(model.score_text, texts), strict=True))

    def score(self, features: Features) -> NDArray[np.float64]:
        """Logits, float64 [n, k], of features whose texts are known."""
        return np.asarray([self._logits[text] for text in features.texts], np.float64)


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A model with its calibration."""

    model: Known
    calibration: Calibration


def _samples(data: Dataset, rows: Index) -> Samples:
    return Samples(data.texts(rows), data.truth[rows], data.weights[rows])


def _export(trained: Trained, data: Dataset, *, compared: Index, out: Path) -> tuple[TransformerModel, dict[str, Any]]:
    """The network as it is served, and how far it says the same as before, on rows evenly spread over the first."""
    n, max_tokens = min(len(compared), MOST_COMPARED), int(trained.facts["max_tokens"])
    texts = data.texts(compared[np.linspace(0, len(compared) - 1, n).astype(np.int64)])
    cut = [text[: CHARACTERS_PER_TOKEN * max_tokens].encode("utf-8", "replace").decode() for text in texts]
    exported = to_onnx(Logits(load_trained(trained.folder)), trained.tokenizer, samples=cut)
    parity = compare(exported)
    refuse_unfaithful(parity)
    session = make_session(exported.content, path=out)
    return TransformerModel(data.labels, max_tokens, exported.content, trained.tokenizer, session), parity


def compare(exported: Exported) -> dict[str, Any]:
    """Share of equal likeliest labels, and mean and largest difference of a probability, before calibration."""
    before, after = softmax(exported.before, axis=1), softmax(exported.after, axis=1)
    difference = np.abs(before - after)
    return {
        "n": len(before),
        "label_agreement": round(float((before.argmax(1) == after.argmax(1)).mean()), 4),
        "mean_difference": round(float(difference.mean()), 5),
        "largest_difference": round(float(difference.max()), 5),
    }


def refuse_unfaithful(parity: dict[str, Any]) -> None:
    """Let pass an export that says nearly the same as its source.

    Raises:
        UnfaithfulExport: It does not.
    """
    agreement, difference = parity["label_agreement"], parity["mean_difference"]
    if agreement < LEAST_AGREEMENT or difference > MOST_DIFFERENCE:
        reason = (
            f"the same label in {agreement:.1%} of {parity['n']} reports, probabilities {difference:.3f} apart; "
            f"needed {LEAST_AGREEMENT:.0%} and {MOST_DIFFERENCE}."
        )
        raise UnfaithfulExport(reason=reason)


def _report(
    calibrated: Calibrated, data: Dataset, *, drawn: Index, train: Index, later: Index, test: Index
) -> dict[str, Any]:
    counted = test[thin(data.weights[test])]
    promises = {
        f"{promise:.2f}": {"coverage": round(bar.coverage, 4), "precision": round(bar.precision, 4)}
        for promise, bar in calibrated.calibration.bars.items()
    }
    sizes = {"n_train": len(drawn), "n_calibration": len(later)}
    return {
        "labels": list(data.labels),
        "data": data.facts,
        "split": "by a pseudo-random order, because nothing is dated" if np.isnan(data.age).all() else "by time",
        "by_time": {
            **sizes,
            "n_test": len(counted),
            "model": score(calibrated, data, counted),
            "model_all_test_rows": score(calibrated, data, test),
            "peers": score_peers(data, train=train, later=later, test=counted),
        },
        "by_source": {},
        "shipped": {**sizes, "promises": promises},
    }


def _method(recipe: TransformerRecipe, report: dict[str, Any]) -> Method:
    training, parity = report["training"], report["parity"]
    max_tokens, words = training["max_tokens"], training["max_tokens"] * 3 // 4
    return Method(
        made=f"{Path(recipe.base).name}, fine-tuned with a head for its labels (recipe {recipe.rows.kind}: "
        f"{training['n_samples']:,} reports, {training['n_steps']:,} steps, the weights of step "
        f"{training['best_step']:,}), at most {max_tokens} tokens, ONNX with weights in int8, calibrated after "
        f"that. On {parity['n']} reports int8 and single precision gave the same label in "
        f"{parity['label_agreement']:.1%}, probabilities {parity['mean_difference']:.3f} apart on average",
        later="calibrate it and decide when training ends",
        saved="What was measured is what is saved: it learned nothing from the newest reports. The peers in the table "
        "learned from all reports before the test, not from a sample",
        reads=f"Text beyond {max_tokens} tokens (about {words} words; title first) is not read.",
    )


@contextmanager
def work_folder(out: Path, made_of: dict[str, Any]) -> Iterator[Path]:
    """A folder beside `out` whose name tells data and recipe; it goes when the model is saved, else it stays."""
    digest = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:12]
    work = out.with_name(f".{out.name}-{digest}.work")
    work.mkdir(parents=True, exist_ok=True)
    with (work / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InUse(what="model", key=out.name, reason="another run is making it. Wait for its end.") from None
        yield work
        shutil.rmtree(work)
