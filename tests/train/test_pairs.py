"""Learning from pairs that people marked, and ranking a file of reports against itself."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.ml.trackers import WordEncoder, make_ranker, write_repeats

from bugflow.errors import AlreadyExists, ArtifactCorrupt, InvalidFile, TooFewSamples
from bugflow.ml.calibration import NEVER
from bugflow.ml.duplicates.corpus import read_corpus, replay
from bugflow.ml.duplicates.pairs import COLUMNS
from bugflow.ml.duplicates.ranker import RANKER, Ranker, load_ranker, save_ranker
from bugflow.ml.reports import read_reports
from bugflow.ml.train.history import Pairs, read_history
from bugflow.ml.train.judgement import calibration_error, judge, recalls
from bugflow.ml.train.pairs import split_history, train_ranker
from bugflow.ml.train.readings import read_verdicts


def silent(_line: str) -> None:
    return None


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Ranker:
    folder = tmp_path_factory.mktemp("trackers")
    paths = [write_repeats(folder / f"t{seed}.parquet", 400, seed=seed) for seed in (1, 2)]
    return train_ranker(paths, name="duplicates-7", encoder=WordEncoder(), progress=silent)


def test_a_trained_ranker_finds_what_later_reports_repeat(trained: Ranker) -> None:
    for measured in trained.report["trackers"].values():
        assert measured["r_at_1"] > 0.8
        assert measured["r_at_1"] <= measured["r_at_5"] <= measured["r_at_10"] <= 1
        assert measured["calibration_error"] < 0.1


def test_what_is_called_likely_was_right_as_often_as_promised(trained: Ranker) -> None:
    assert trained.bar(0.90) < NEVER
    for measured in trained.report["trackers"].values():
        assert measured["likely_precision"] >= 0.8  # of some hundred reports; the bar itself asks for 0.9
        assert measured["likely_recall"] > 0.3
    assert "likely" in trained.card
    assert trained.bar(0.99) == NEVER


def test_a_ranker_is_the_same_after_saving_and_never_overwritten(trained: Ranker, tmp_path: Path) -> None:
    path = tmp_path / "duplicates-7"
    save_ranker(trained, path)
    again = load_ranker(path)
    pairs = np.random.default_rng(0).random((7, len(COLUMNS))).astype(np.float32)
    assert again.score(pairs).tolist() == trained.score(pairs).tolist()
    assert [part.tolist() for part in again.rank(pairs)] == [part.tolist() for part in trained.rank(pairs)]
    assert again.bars == trained.bars
    with pytest.raises(AlreadyExists):
        save_ranker(trained, path)


def test_a_ranker_that_was_altered_or_reads_other_columns_is_refused(trained: Ranker, tmp_path: Path) -> None:
    save_ranker(trained, tmp_path / "altered")
    file = tmp_path / "altered" / RANKER
    file.write_bytes(file.read_bytes().replace(b"0", b"1", 1))
    with pytest.raises(ArtifactCorrupt, match="changed after it was saved"):
        load_ranker(tmp_path / "altered")
    save_ranker(replace(trained, weights=np.zeros(3)), tmp_path / "short")
    with pytest.raises(ArtifactCorrupt, match="do not fit together"):
        load_ranker(tmp_path / "short")
    save_ranker(replace(trained, scales=np.zeros(len(COLUMNS))), tmp_path / "flat")
    with pytest.raises(ArtifactCorrupt):
        load_ranker(tmp_path / "flat")
    with pytest.raises(ArtifactCorrupt):
        load_ranker(tmp_path / "nowhere")


def test_too_few_marked_duplicates_are_refused(tmp_path: Path) -> None:
    path = write_repeats(tmp_path / "few.parquet", 60, seed=3, share=0.05)
    with pytest.raises(TooFewSamples, match="closed as a duplicate"):
        train_ranker([path], name="duplicates-1", encoder=WordEncoder(), progress=silent)


def test_reports_without_dates_are_refused_for_training(tmp_path: Path) -> None:
    path = write_repeats(tmp_path / "undated.parquet", 60, seed=3)
    pl.read_parquet(path).with_columns(created=None).write_parquet(path)
    with pytest.raises(InvalidFile, match="must be dated"):
        train_ranker([path], name="duplicates-1", encoder=WordEncoder(), progress=silent)


def test_training_and_test_reports_lie_apart_in_time(tmp_path: Path) -> None:
    history = read_history(write_repeats(tmp_path / "t.parquet", 300, seed=4), WordEncoder(), progress=silent)
    split = split_history(history, most_others=20)
    assert max([*split.earlier, *split.earlier_others]) < min([*split.later, *split.later_others])
    assert len(split.earlier_others) == len(split.later_others) == 20
    assert not set(split.later) & set(split.later_others)


def test_a_report_is_searched_for_among_those_before_it_only(tmp_path: Path) -> None:
    path = write_repeats(tmp_path / "t.parquet", 120, seed=5)
    encoder = WordEncoder()
    corpus = read_corpus(path, read_reports(path), encoder)
    for row, found in replay(corpus, [100, 3, 50], n_dimensions=encoder.n_dimensions):
        assert len(found.bug_ids)
        assert max(found.bug_ids) < row


def test_recall_is_worked_out_by_hand() -> None:
    same = np.asarray([0, 1, 0, 0, 0, 1], bool)
    queries, unread = np.asarray([7, 7, 7, 9, 9, 9]), np.full(6, np.nan)
    pairs = Pairs(np.zeros((6, 1), np.float32), same, queries, np.arange(6), np.ones(6), unread, np.zeros(6))
    scores = np.asarray([3.0, 2.0, 1.0, 1.0, 2.0, 3.0])
    # Report 7 finds it second, report 9 first, report 11 had no candidates.
    measured = recalls(scores, pairs, np.asarray([7, 9, 11]))
    assert measured == {"r_at_1": 0.3333, "r_at_5": 0.6667, "r_at_10": 0.6667, "mrr": 0.5}


def test_calibration_error_is_worked_out_by_hand() -> None:
    sure, best = np.asarray([0.9, 0.9, 0.1]), np.arange(3)
    assert calibration_error(sure, judged([1, 0, 0]), best) == pytest.approx((0.8 + 0.1) / 3)
    assert calibration_error(sure, judged([1, 0, 0], weights=[1, 0, 0]), best) == pytest.approx(0.1)
    assert calibration_error(sure, judged([1, 0, 0], said={1: 1}), best) == pytest.approx((0.2 + 0.1) / 3)


def judged(
    same: list[int], *, weights: list[float] | None = None, said: dict[int, float] | None = None, stands_for: float = 1
) -> Pairs:
    """The best candidates of as many reports; `said` by place what a reader said of some."""
    n = len(same)
    read = np.asarray([(said or {}).get(place, np.nan) for place in range(n)])
    counts = np.where(np.isnan(read), 0.0, stands_for)
    marked = np.asarray(same, bool)
    columns, places = np.zeros((n, len(COLUMNS)), np.float32), np.arange(n)
    return Pairs(columns, marked, places, places, np.asarray(weights or [1] * n, np.float64), read, counts)


def test_what_nobody_marked_counts_as_wrong_until_a_sample_of_it_is_read() -> None:
    every = np.ones(6, bool)
    raw = judge(judged([1, 1, 0, 0, 0, 0]), np.arange(6), likely=every, n_marked=4)
    assert (raw["likely_precision"], raw["likely_recall"], raw["precision_after_reading"]) == (0.3333, 0.5, None)
    pairs = judged([1, 1, 0, 0, 0, 0], said={2: 1, 3: 0}, stands_for=2)
    read = judge(pairs, np.arange(6), likely=every, n_marked=4)
    assert (read["likely_precision"], read["n_read"], read["precision_after_reading"]) == (0.3333, 2, 0.6667)


def test_reading_a_sample_of_what_nobody_marked_makes_the_ranker_surer(tmp_path: Path) -> None:
    """Half of the links are taken out of the file; who reads those pairs says that they are the same."""
    path = write_repeats(tmp_path / "t1.parquet", 400, seed=1)
    whole = pl.read_parquet(path)
    hidden = (pl.int_range(pl.len()) % 2 == 0) & (pl.col("duplicate_of") != "")
    lost = whole.filter(hidden)
    whole.with_columns(
        duplicate_of=pl.when(hidden).then(pl.lit("")).otherwise("duplicate_of"),
        closed_as_duplicate=pl.col("closed_as_duplicate") & ~hidden,
    ).write_parquet(path)
    pairs = list(zip(lost["id"], lost["duplicate_of"], strict=True))
    different = [(one, f"r{int(other[1:]) + 1}") for one, other in pairs if int(other[1:]) + 1 < int(one[1:])]
    lines = ["tracker,id,other,verdict,stands_for", *(f"t1,{a},{b},same,1" for a, b in pairs)]
    lines += [f"t1,{a},{b},different,1" for a, b in different]
    (tmp_path / "read.csv").write_text("\n".join(lines))
    given = {"name": "duplicates-7", "encoder": WordEncoder(), "progress": silent}
    unread = train_ranker([path], **given)  # type: ignore[arg-type]
    verdicts = read_verdicts(tmp_path / "read.csv")
    read = train_ranker([path], verdicts=verdicts, **given)  # type: ignore[arg-type]
    assert read.bar(0.90) < unread.bar(0.90)
    measured = read.report["trackers"]["t1"]
    assert measured["precision_after_reading"] > measured["likely_precision"]


@pytest.mark.parametrize(("row", "reason"), [("t,1,2,perhaps,1", "perhaps"), ("t,1,2,same,many", "stands_for")])
def test_a_verdict_that_is_none_is_refused(tmp_path: Path, row: str, reason: str) -> None:
    path = tmp_path / "read.csv"
    path.write_text(f"tracker,id,other,verdict,stands_for\n{row}\n")
    with pytest.raises(InvalidFile, match="pair 1, 2") as refused:
        read_verdicts(path)
    assert reason in str(refused.value) or "verdict is one of" in str(refused.value)


def test_a_promise_that_was_not_measured_is_never_kept() -> None:
    ranker = make_ranker(bars={0.80: 0.4, 0.90: 0.6})
    assert (ranker.bar(0.85), ranker.bar(0.90), ranker.bar(0.95)) == (0.6, 0.6, NEVER)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"created": ["yesterday", "today"]}, "row 1, column created"),
        ({"id": ["a", "a"]}, "one of its own"),
    ],
)
def test_a_corpus_that_cannot_be_ordered_or_named_is_refused(
    tmp_path: Path, change: dict[str, list[str]], reason: str
) -> None:
    path = tmp_path / "bugs.csv"
    rows = {"id": ["a", "b"], "title": ["x", "y"], "created": ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"]}
    pl.DataFrame({**rows, **change}).write_csv(path)
    with pytest.raises(InvalidFile, match=reason):
        read_corpus(path, read_reports(path), WordEncoder())


def test_a_corpus_without_dates_is_taken_in_its_order(tmp_path: Path) -> None:
    path = tmp_path / "bugs.jsonl"
    rows = [{"id": n, "title": f"cart {n}", "description": "total wrong"} for n in range(5)]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    corpus = read_corpus(path, read_reports(path), WordEncoder())
    assert list(corpus.ids) == ["0", "1", "2", "3", "4"]
    [(_, found)] = replay(corpus, [3], n_dimensions=32)
    assert set(found.bug_ids.tolist()) == {0, 1, 2}
