"""Promises of `bugflow bench`, each track end to end on reports made up here."""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from numpy.typing import NDArray
from tests.ml.trackers import WordEncoder, write_repeats, write_tracker
from threadpoolctl import threadpool_limits
from typer.testing import CliRunner

from bugflow.cli.bench import bench
from bugflow.ml.bench import feedback, latency, promise
from bugflow.ml.bench.answers import resampled_f1
from bugflow.ml.bench.bench import Bench
from bugflow.ml.bench.duplicates import measure_duplicates
from bugflow.ml.bench.feedback import measure_feedback
from bugflow.ml.bench.house import HOUSE
from bugflow.ml.bench.keywords import BLIND, measure_keywords
from bugflow.ml.bench.latency import ALL, LENGTHS, WORDS, fill_search, make_texts, measure_latency
from bugflow.ml.bench.neighbours import measure_neighbours
from bugflow.ml.bench.peers import XGBOOST_MISSING
from bugflow.ml.bench.prepare import measure_prepare
from bugflow.ml.bench.promise import measure_promise
from bugflow.ml.bench.quality import measure_team
from bugflow.ml.bench.tables import Table
from bugflow.ml.bench.trackers import find_trackers, hash_trackers, sampled
from bugflow.ml.bench.tracks import MEASURES, Track, run_tracks
from bugflow.ml.duplicates.pairs import Query
from bugflow.ml.duplicates.search import prose_of
from bugflow.ml.duplicates.words import read_words
from bugflow.ml.text import clean
from bugflow.ml.train.dataset import read_dataset, split_by_time
from bugflow.ml.train.evaluate import evaluate_by_source, evaluate_by_time, split_by_source
from bugflow.ml.train.linear import fit
from bugflow.ml.train.recipe import default_recipe


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that wait for one another take ten times as long on a busy machine."""
    with suppress(ModuleNotFoundError):
        import xgboost  # noqa: F401 - only libraries that are loaded can be limited
    with threadpool_limits(limits=1):
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    (folder / "bugs").mkdir()
    for seed in range(3):
        write_tracker(folder / "bugs" / f"t{seed}.parquet", 420, seed=seed)
    return folder


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    encoder = WordEncoder()
    return Bench(find_trackers(data), cache=tmp_path_factory.mktemp("cache"), load=lambda: encoder, n_runs=8)


def rows_of(table: Table) -> dict[str, Any]:
    return {str(row["name"]): row for row in table.rows}


def test_team_stands_beside_every_peer_in_both_splits_and_figures_are_those_of_training(run: Bench) -> None:
    pytest.importorskip("xgboost")
    by_time, mean, each = measure_team(run)
    peers = {"majority", "keywords", "TF-IDF + LR balanced", "TF-IDF + XGBoost", "frozen MiniLM + LR"}
    assert set(rows_of(by_time)) == {HOUSE} | peers
    assert set(rows_of(mean)) == {HOUSE} | peers
    assert len(each.rows) == 3 * 6
    for name in ("TF-IDF + LR balanced", "TF-IDF + XGBoost", "frozen MiniLM + LR"):
        row = rows_of(by_time)[name]
        assert row["macro_f1"] > 0.8, f"{name} has not learned"
        assert row["macro_f1_low"] <= row["macro_f1"] <= row["macro_f1_high"]
        assert row["top_three"] >= row["accuracy"]
        assert row["coverage"] is not None
    assert rows_of(by_time)["majority"]["macro_f1"] < 0.3
    assert rows_of(by_time)["majority"]["calibration_error"] is None

    recipe = default_recipe("team", "team")
    dataset = read_dataset(run.trackers, recipe, progress=lambda _: None)
    train, later, test = split_by_time(dataset, recipe, test_share=recipe.test_share)
    reported = evaluate_by_time(
        dataset, fit(dataset, recipe, train=train, later=later), train=train, later=later, test=test
    )
    ours, plain = rows_of(by_time)[HOUSE], rows_of(by_time)["TF-IDF + LR balanced"]
    assert (ours["macro_f1"], ours["accuracy"]) == (reported["model"]["macro_f1"], reported["model"]["accuracy"])
    assert (ours["calibration_error"], ours["top_three"]) == (
        reported["model"]["calibration_error"],
        reported["model"]["top_three_accuracy"],
    )
    acted = {"coverage": ours["coverage"], "precision": ours["precision"]}
    assert acted == reported["model"]["promises"]["0.90"]
    assert plain["macro_f1"] == reported["peers"]["tfidf_lr_balanced"]["macro_f1"]
    by_source = evaluate_by_source(dataset, recipe, progress=lambda _: None)
    assert {source for source, *_ in split_by_source(dataset, recipe)} == set(by_source)
    found = {row["tracker"]: row["macro_f1"] for row in each.rows if row["name"] == HOUSE}
    assert found == {source: scores["model"]["macro_f1"] for source, scores in by_source.items()}


def test_keywords_says_that_it_measures_a_rule_and_gives_devops_apart(run: Bench) -> None:
    (table,) = measure_keywords(run)
    assert any("agreement with a rule" in note for note in table.notes)
    assert "70/15/15" in table.split
    rows = {(row["task"], row["name"]): row for row in table.rows}
    assert len(rows) == 6
    for task in ("severity", "team"):
        assert rows[task, HOUSE]["accuracy"] > 0.95
        assert rows[task, BLIND]["accuracy"] > 0.9
    assert rows["team", HOUSE]["devops_f1"] > 0.95
    assert rows["severity", HOUSE]["devops_f1"] is None


def test_corrections_of_a_tracker_never_seen_are_replayed(run: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feedback, "N_CORRECTIONS", (0, 100))
    team, severity = measure_feedback(run)
    rows = {(row["n"], row["name"]): row for row in team.rows}
    assert {name for n, name in rows if n} == {
        "no learning", "commonest label", "memory only", "nearest", "refit", "adapted", "adapted, a fifth flipped",
    }  # fmt: skip
    assert {row["n_trackers"] for row in team.rows} == {3}
    assert rows[100, "adapted"]["accuracy"] > rows[100, "commonest label"]["accuracy"]
    assert rows[100, "adapted, a fifth flipped"]["doubtful"] > 0
    assert severity.rows


def test_a_promise_is_replayed_tracker_by_tracker(run: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(promise, "FEWEST_ANSWERS", 20)
    (table,) = measure_promise(run)
    assert len(table.rows) == 2 * 3 * 3
    ours = next(row for row in table.rows if row["task"] == "team" and row["promise"] == 0.8 and row["name"] == HOUSE)
    assert ours["coverage"] > 0.5
    assert ours["n_trackers"] == 3
    assert 3 <= ours["n_replays"] <= ours["n_answers"] // 20
    assert 0 <= ours["kept"] <= 1
    assert ours["worst"] <= ours["precision"]


class SmallDesign:
    """Stands for the document's design, whose networks take seconds to build."""

    def assess(self, n_tokens: int, *, n_texts: int = 1) -> None:
        np.linalg.svd(np.ones((n_tokens, 8 * n_texts)))


def test_latency_names_each_length_and_the_documents_design(run: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "find_design", SmallDesign)
    one, batches, start = measure_latency(replace(run, limit=run.limit or 10_000))
    assert {row["n_tokens"] for row in one.rows} == set(LENGTHS)
    for row in one.rows:
        assert 0 < row["p50_ms"] <= row["p95_ms"]
        assert row["name"] != ALL or row["ratio"] == 1
    assert all(row["per_second"] > 0 for row in batches.rows)
    assert all(10 < row["memory_mb"] < 500 and row["load_seconds"] > 0 for row in start.rows)
    assert {"the document's design", WORDS, ALL} == {row["name"] for row in one.rows}
    at_64 = {row["name"]: row["p50_ms"] for row in one.rows if row["n_tokens"] == 64}
    assert at_64[WORDS] < at_64[ALL]
    assert any("PyTorch" in note for note in one.notes)


@pytest.mark.parametrize("has_data", [True, False])
def test_the_words_of_the_reports_that_are_timed_stand_in_the_bugs_that_are_searched(
    run: Bench, has_data: bool
) -> None:
    search = fill_search(run if has_data else replace(run, trackers=[]), n=2_000)
    for text in make_texts(5, n_tokens=64):
        found = search.index.search(Query(read_words(clean(text)), None, 0, 0.0))
        assert (found.weighed.rarities < np.log(2_000 / 2)).mean() > 0.5, "most of them stand in two bugs and more"
        vector = search.encoder.encode([prose_of(clean(text))])[0]
        assert search.index.nearest(vector, n=1)[0][1] > 0.3, "and their meaning is not that of noise"


def test_the_graph_of_vectors_stands_beside_comparing_each_in_full_and_by_bounds_first(run: Bench) -> None:
    (table,) = measure_neighbours(replace(run, limit=2_000))
    each, bounds, graph = table.rows
    assert [row["n"] for row in table.rows] == [2_000] * 3
    assert each["recall"] == bounds["recall"] == 1.0
    assert graph["recall"] > 0.9
    assert all(0 < row["p50_ms"] <= row["p95_ms"] for row in table.rows)
    assert graph["memory_mb"] > 0


def test_duplicates_stand_beside_every_peer_and_are_searched_among_all_reports(run: Bench, tmp_path: Path) -> None:
    trackers = [write_repeats(tmp_path / f"r{seed}.parquet", 400, seed=seed) for seed in (1, 2)]
    found, likely = measure_duplicates(replace(run, trackers=[*trackers, *run.trackers], limit=10_000))
    peers = {"TF-IDF", "BM25F (title x3)", "MiniLM cosine", "fusion of BM25F and MiniLM"}
    names = {"**BugFlow**", "BugFlow, trained on the other trackers only"}
    for tracker in ("r1", "r2"):
        rows = {row["name"]: row for row in found.rows if row["tracker"] == tracker}
        assert set(rows) == peers | names
        for row in rows.values():
            assert 0 < row["r_at_1"] <= row["r_at_5"] <= row["r_at_10"] <= 1
        assert rows["BM25F (title x3)"]["r_at_10"] > 0.9  # rare words are shared
        flagged = {row["name"]: row for row in likely.rows if row["tracker"] == tracker}
        assert set(flagged) == {*names, "MiniLM cosine from 0.85"}
        assert flagged["**BugFlow**"]["likely_precision"] > 0.8
    assert {row["tracker"] for row in found.rows} == {"r1", "r2"}  # the others mark no duplicates


def test_with_another_encoder_the_peers_read_with_the_first_one_still(run: Bench, tmp_path: Path) -> None:
    class Blind(WordEncoder):
        name = "blind-1"

        def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
            return super().encode([text.partition(" ")[0] for text in texts])

    both = replace(run, trackers=[write_repeats(tmp_path / "r1.parquet", 400, seed=1), *run.trackers], limit=10_000)
    usual, _ = measure_duplicates(both)
    found, likely = measure_duplicates(replace(both, load=Blind, load_peer=both.load))
    before, after = rows_of(usual), rows_of(found)
    for peer in ("MiniLM cosine", "fusion of BM25F and MiniLM"):
        assert after[peer] == before[peer]
    assert after["blind-1 cosine"]["r_at_10"] < after["MiniLM cosine"]["r_at_10"]
    assert "blind-1 cosine from 0.85" in rows_of(likely)


@pytest.mark.slow
def test_prepare_is_killed_resumed_and_gives_the_same_bytes(run: Bench) -> None:
    [table] = measure_prepare(replace(run, limit=1_500))
    by_name = {row["name"]: row for row in table.rows}
    assert {"plain Python", "pandas", "bugflow, one worker", "bugflow, killed and resumed"} <= set(by_name)
    for row in table.rows:
        assert row["wall_seconds"] > 0
        assert row["per_second"] > 0
        assert 0 < row["peak_mb"] < 4_000  # of processes that hardly live, the peak is missed
    assert any("wrote the same bytes in 5 files" in note for note in table.notes)


@pytest.mark.slow
def test_the_documents_design_runs_in_pytorch_with_random_weights() -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from bugflow.ml.bench.document import Document, Sizes

    Document(Sizes(n_layers=1, width=24, n_heads=2, sentence_width=16, n_words=1_010)).assess(16, n_texts=3)


def test_the_command_prints_tables_and_writes_the_same_for_machines(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MEASURES, Track.TEAM, lambda bench: [Table("t", "by time", {"name": "", "f": "F1"}, [
        {"name": "ours", "f": 0.51234}, {"name": "none", "f": None}], ["a note"])])  # fmt: skip
    done = _invoke("team", "--data", str(data), "--json", str(tmp_path / "out.json"), "--limit", "200")
    assert done.exit_code == 0, done.output
    for words in ("Commit", "cores", "Python", "only 200 reports", "## team", "Split: by time", "| ours | 0.512 |"):
        assert words in done.output
    assert "| none | - |" in done.output
    written = json.loads((tmp_path / "out.json").read_text())
    assert written["tracks"]["team"]["tables"][0]["rows"][0] == {"name": "ours", "f": 0.51234}
    assert written["made"]["data_sha256"] == hash_trackers(find_trackers(data))
    assert {"commit", "machine", "libraries", "limit", "trackers"} <= set(written["made"])


def test_without_the_data_it_says_so_and_is_no_failure(tmp_path: Path) -> None:
    done = _invoke("severity", "keywords", "--data", str(tmp_path / "nowhere"))
    assert done.exit_code == 0
    assert "Skipped severity, keywords" in done.output
    assert "BUGFLOW_BENCH_DATA" in done.output


def test_what_was_measured_before_a_failure_is_kept(
    run: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Bench) -> list[Table]:
        raise KeyboardInterrupt

    monkeypatch.setitem(MEASURES, Track.TEAM, lambda _: [])
    monkeypatch.setitem(MEASURES, Track.PROMISE, fail)
    with pytest.raises(KeyboardInterrupt):
        list(run_tracks(run, [Track.TEAM, Track.PROMISE], out=tmp_path / "out.json"))
    assert set(json.loads((tmp_path / "out.json").read_text())["tracks"]) == {"team"}


def test_a_trial_takes_an_even_share_of_each_tracker(data: Path) -> None:
    with sampled(find_trackers(data), limit=126) as files:
        dataset = read_dataset(files, default_recipe("team", "team"), progress=lambda _: None)
        assert [path.name for path in files] == ["t0.parquet", "t1.parquet", "t2.parquet"]
    assert np.unique(dataset.sources, return_counts=True)[1].tolist() == [42, 42, 42]
    assert not files[0].exists()


def test_the_interval_is_the_same_each_time_and_narrows_with_more_rows() -> None:
    truth = np.arange(400) % 4
    predicted = np.where(np.arange(400) % 5 == 0, 0, truth)
    drawn = resampled_f1(truth, predicted, n_labels=4)
    assert (drawn == resampled_f1(truth, predicted, n_labels=4)).all()
    assert np.ptp(resampled_f1(np.tile(truth, 20), np.tile(predicted, 20), n_labels=4)) < np.ptp(drawn) / 2


def test_a_missing_package_leaves_its_peer_out_and_says_so(run: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from bugflow.ml.bench.peers import make_peers

    monkeypatch.setitem(__import__("sys").modules, "xgboost", None)
    dataset = read_dataset(run.trackers[:1], default_recipe("team", "team"), progress=lambda _: None)
    peers, notes = make_peers(dataset, run.encoder())
    assert "TF-IDF + XGBoost" not in peers
    assert notes == [XGBOOST_MISSING]


def _invoke(*arguments: str) -> Any:
    app = typer.Typer()
    app.command()(bench)
    return CliRunner().invoke(app, list(arguments))
