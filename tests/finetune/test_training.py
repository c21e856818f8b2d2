"""Promises of fine-tuning, on a tiny network and made-up reports."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.finetune.builders import toy_recipe, write_tracker
from tests.finetune.conftest import Restarted

from bugflow.errors import AlreadyExists, InUse, InvalidEncoder, TooFewSamples, UnfaithfulExport
from bugflow.ml.artifact import load_artifact
from bugflow.ml.finetune.export import Exported
from bugflow.ml.finetune.fit import Samples, fit
from bugflow.ml.finetune.network import load_classifier, pad_rows, weigh_classes, weighted_loss
from bugflow.ml.finetune.recipe import RECIPES, make_recipe
from bugflow.ml.finetune.run import compare, draw, refuse_unfaithful, train_transformer
from bugflow.ml.train.dataset import read_dataset, split_by_time


def test_a_killed_training_goes_on_from_its_checkpoint_and_finishes(restarted: Restarted) -> None:
    assert [name for name in restarted.after_kill if name == "owner-1"] == []
    assert [line for line in restarted.said if line.startswith("Resuming at step ")]
    assert [path.name for path in restarted.model.parent.iterdir()] == ["owner-1"]  # no checkpoint is left


def test_it_ends_with_the_weights_that_it_would_have_had_without_the_kill(
    restarted: Restarted, base: Path, tracker: Path, tmp_path: Path
) -> None:
    recipe = toy_recipe(base)
    data = read_dataset([tracker], recipe.rows, progress=lambda _: None)
    train, later, _ = split_by_time(data, recipe.rows, test_share=recipe.rows.test_share)
    seen, unseen = (
        Samples([data.features.texts[row] for row in rows], data.truth[rows], data.weights[rows])
        for rows in (train, later)
    )
    whole = fit(seen, unseen, recipe, labels=data.labels, work=tmp_path, progress=lambda _: None)
    assert whole.facts == load_artifact(restarted.model).report["training"]
    said: list[str] = []
    again = fit(seen, unseen, recipe, labels=data.labels, work=tmp_path, progress=said.append)
    assert (again.facts, said) == (whole.facts, ["Resuming: training had ended."])


def test_it_learns_what_can_be_learned_and_says_what_it_is_worth(restarted: Restarted) -> None:
    artifact = load_artifact(restarted.model)
    scores = artifact.report["by_time"]
    assert scores["model"]["macro_f1"] > 0.9
    assert scores["peers"]["majority"]["macro_f1"] < 0.4
    assert "tfidf_lr_balanced" in scores["peers"]
    for words in ("fine-tuned", "int8", "## Data", "## Split", "What a promise is worth", "learned nothing from"):
        assert words in artifact.card


def test_torch_and_the_saved_network_say_the_same(restarted: Restarted) -> None:
    parity = load_artifact(restarted.model).report["parity"]
    assert parity["label_agreement"] >= 0.95
    assert parity["mean_difference"] < 0.02


def test_parity_is_counted_in_labels_and_probabilities() -> None:
    before, after = np.asarray([[4.0, 0.0], [0.0, 4.0]]), np.asarray([[4.0, 0.0], [4.0, 0.0]])
    parity = compare(Exported(b"", before.astype(np.float32), after.astype(np.float32)))
    assert (parity["n"], parity["label_agreement"]) == (2, 0.5)
    assert parity["mean_difference"] == pytest.approx((0.982 - 0.018) / 2, abs=1e-3)
    assert parity["largest_difference"] == pytest.approx(0.964, abs=1e-3)


def test_an_export_that_says_something_else_is_refused() -> None:
    refuse_unfaithful({"n": 200, "label_agreement": 0.9, "mean_difference": 0.05})
    with pytest.raises(UnfaithfulExport, match=r"the same label in 89\.0%"):
        refuse_unfaithful({"n": 200, "label_agreement": 0.89, "mean_difference": 0.0})
    with pytest.raises(UnfaithfulExport, match=r"0\.051 apart"):
        refuse_unfaithful({"n": 200, "label_agreement": 1.0, "mean_difference": 0.051})


def test_training_ends_early_and_keeps_the_best_weights(base: Path, tmp_path: Path) -> None:
    recipe = replace(toy_recipe(base), patience=1, learning_rate=0.3, n_epochs=50)  # far too fast: it gets worse
    words = ["server query", "button layout"] * 40
    samples = Samples(words, np.arange(80) % 2, np.ones(80))
    told: list[str] = []
    facts = fit(samples, samples, recipe, labels=["a", "b"], work=tmp_path, progress=told.append).facts
    assert facts["best_step"] < facts["n_steps"] < 150
    assert facts["best_loss"] == pytest.approx(
        min(float(line.split()[5]) for line in told if ": loss " in line), abs=1e-4
    )


def test_two_runs_of_the_same_model_do_not_meet(base: Path, tracker: Path, tmp_path: Path) -> None:
    said: list[str] = []

    def begin_another(line: str) -> None:
        said.append(line)
        if ": loss " in line:
            train_transformer([tracker], toy_recipe(base), out=tmp_path / "owner-1")

    with pytest.raises(InUse, match="another run is making it"):
        train_transformer([tracker], toy_recipe(base), out=tmp_path / "owner-1", progress=begin_another)
    assert ": loss " in said[-1]


def test_class_weights_are_those_of_the_requirements() -> None:
    truth = np.repeat(np.arange(4), [56, 23, 11, 10])
    weights = weigh_classes(truth, np.ones(100), n_labels=4)
    assert weights == pytest.approx([0.446, 1.087, 2.273, 2.5], abs=1e-3)
    assert weigh_classes(truth, np.ones(100), n_labels=5)[4] == 0  # nobody has that label


def test_rare_labels_and_strong_evidence_count_more_in_the_loss() -> None:
    logits, truth = torch.tensor([[2.0, 0.0], [2.0, 0.0]]), torch.tensor([0, 1])
    even = weighted_loss(logits, truth, torch.tensor([1.0, 1.0]))
    assert weighted_loss(logits, truth, torch.tensor([1.0, 3.0])) > even
    assert float(weighted_loss(logits, truth, torch.tensor([1.0, 0.0]))) == pytest.approx(np.log1p(np.exp(-2)))


def test_padding_changes_no_score(base: Path) -> None:
    network, tokenizer = load_classifier(str(base), ["a", "b"], seed=0)
    rows = [
        {"input_ids": np.asarray(tokenizer.encode(text).ids), "labels": 0, "weights": 1.0}
        for text in ("server query", "the page shows wrong data when the user saves")
    ]
    both, alone = pad_rows(rows, pad_id=0), pad_rows(rows[:1], pad_id=0)
    score: Any = network
    score.eval()
    with torch.no_grad():
        padded = score(input_ids=both["input_ids"], attention_mask=both["attention_mask"]).logits[0]
        plain = score(input_ids=alone["input_ids"], attention_mask=alone["attention_mask"]).logits[0]
    assert torch.allclose(padded, plain, atol=1e-5)


def test_a_sample_keeps_the_shares_of_the_labels_and_every_label() -> None:
    truth = np.repeat(np.arange(3), [700, 299, 1])
    rows = np.arange(1_000)
    drawn = draw(truth, rows, n=100, seed=1)
    assert np.bincount(truth[drawn]).tolist() == [69, 30, 1] or np.bincount(truth[drawn]).tolist() == [70, 29, 1]
    assert (drawn == draw(truth, rows, n=100, seed=1)).all()
    assert (drawn != draw(truth, rows, n=100, seed=2)).any()
    assert (draw(truth, rows, n=None, seed=1) == rows).all()


def test_the_recipes_are_those_of_the_requirements() -> None:
    quick, enhanced = (make_recipe(f"distilbert-{name}", "team", "team") for name in ("quick", "enhanced"))
    assert quick.base == enhanced.base == "distilbert-base-uncased"
    assert (quick.n_samples, quick.n_epochs, quick.learning_rate, quick.schedule) == (10_000, 2, 3e-5, "linear")
    assert (enhanced.n_samples, enhanced.n_epochs, enhanced.learning_rate) == (50_000, 5, 2e-5)
    assert (enhanced.schedule, enhanced.weighted_classes, enhanced.n_accumulated) == ("cosine", True, 2)
    assert enhanced.precision == "fp16"
    assert {make_recipe(name, "team", "team").max_tokens for name in RECIPES} == {256}
    assert {make_recipe(name, "team", "team").batch_size for name in RECIPES} == {32}


def test_what_cannot_be_trained_is_refused_before_any_work(base: Path, tracker: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidEncoder):
        train_transformer([tracker], toy_recipe(tmp_path / "no" / "folder"), out=tmp_path / "owner-1")
    with pytest.raises(TooFewSamples):
        train_transformer([write_tracker(tmp_path / "few.parquet", 6)], toy_recipe(base), out=tmp_path / "owner-1")
    (tmp_path / "owner-2").mkdir()
    with pytest.raises(AlreadyExists):
        train_transformer([tracker], toy_recipe(base), out=tmp_path / "owner-2")
