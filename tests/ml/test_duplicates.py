"""Finding reports that say the same: words, index, pair columns, evidence."""

import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.ml.trackers import WordEncoder, make_ranker

from bugflow.domain.duplicates import DuplicateCandidate, EvidenceKind, Fingerprint, Reading
from bugflow.domain.predictions import BugText
from bugflow.ml.duplicates import codes, postings
from bugflow.ml.duplicates.index import POOL, BugIndex, IndexedBug
from bugflow.ml.duplicates.pairs import COLUMNS, Query
from bugflow.ml.duplicates.postings import K1, USUAL_LENGTH, B, Segment
from bugflow.ml.duplicates.ranker import N_CONFIDENCE, traits
from bugflow.ml.duplicates.search import LiveSearch, NoSearch, indexed, make_search
from bugflow.ml.duplicates.words import (
    ENTRY,
    WORD_BITS,
    Entries,
    Part,
    frames_of,
    from_bytes,
    keys_of,
    read_words,
    to_bytes,
)
from bugflow.ml.text import clean

NOW = datetime(2026, 3, 2, tzinfo=UTC)
STACK = """It crashed.
java.lang.NullPointerException
    at com.shop.Cart.pay(Cart.java:12)
    at com.shop.Page.click(Page.java:3)
    at com.shop.Page.click(Page.java:9)
"""


def words(title: str, description: str = "") -> Entries:
    return read_words(clean(BugText(title, description, None)))


def bug(bug_id: int, title: str, *, vector: NDArray[np.float32] | None = None, day: float = 0.0) -> IndexedBug:
    return IndexedBug(bug_id, day, 0, words(title), vector)


def ask(title: str, *, vector: NDArray[np.float32] | None = None, day: float = 100.0) -> Query:
    return Query(words(title), vector, 0, day)


def found(index: BugIndex, title: str, **given: object) -> set[int]:
    return set(index.search(ask(title), **given).bug_ids.tolist())  # type: ignore[arg-type]


@pytest.fixture
def search() -> LiveSearch:
    return make_search(encoder=WordEncoder(), ranker=make_ranker())


def take_up(search: LiveSearch, bug_id: int, title: str, description: str = "") -> None:
    text = clean(BugText(title, description, None))
    known = search.read(text, Reading.MEANING)
    d = search.index.n_dimensions
    search.index.add([indexed(bug_id, known, NOW.timestamp(), text.project, encoder=search.encoder.name, d=d)])


def find(search: LiveSearch, title: str, description: str = "", *, n: int = 5) -> list[DuplicateCandidate]:
    text = clean(BugText(title, description, None))
    return search.find(text, search.read(text, Reading.MEANING), n=n)


# -- Words ---


@given(st.text(max_size=300), st.text(max_size=600))
def test_any_text_can_be_read_and_kept(title: str, description: str) -> None:
    entries = words(title, description)
    keys = entries["key"].tolist()
    assert keys == sorted(set(keys))
    assert not len(entries) or entries["count"].min() > 0
    assert from_bytes(to_bytes(entries)).tolist() == entries.tolist()


def test_a_word_is_counted_in_its_part() -> None:
    entries = words("Cart cart", "cart cart cart Android 2.1.0")
    by_key = dict(zip(entries["key"].tolist(), entries["count"].tolist(), strict=True))
    for part, word, n in (
        (Part.TITLE, "cart", 2),
        (Part.DESCRIPTION, "cart", 3),
        (Part.VERSION, "2.1.0", 1),
        (Part.PLATFORM, "android", 1),
    ):
        assert by_key[int(keys_of((part,), (word,))[0])] == n


def test_a_word_that_occurs_very_often_is_counted_to_a_limit() -> None:
    assert words("x", "ab " * 599)["count"].max() == 255


def test_the_functions_of_a_stack_are_named_once_each() -> None:
    text = clean(BugText("Crash", STACK, None))
    assert frames_of(text) == ["Cart.pay", "Page.click"]
    parts = {key >> WORD_BITS for key in read_words(text)["key"].tolist()}
    assert {Part.EXCEPTION, Part.FRAME} <= parts


def test_bytes_that_were_cut_are_read_as_far_as_they_go() -> None:
    content = to_bytes(words("cart total wrong"))
    assert len(from_bytes(content[:-2])) == 2


# -- Search by words ---


def test_scores_are_bm25_worked_out_by_hand() -> None:
    rows = [words("cart total", "cart"), words("login page"), words("cart")]
    segment = Segment.of(rows, first=0)
    [key] = (keys_of((Part.TITLE,), ("cart",)) & np.uint32(2**WORD_BITS - 1)).tolist()
    rarity = postings.rarities([segment], np.asarray([key], np.uint32), n=3)
    assert rarity[0] == pytest.approx(log(1 + (3 - 2 + 0.5) / (2 + 0.5)))
    scores = postings.score([segment], np.asarray([key], np.uint32), rarity, n=3)

    def one(count: float, length: float) -> float:
        return float(rarity[0]) * count * (K1 + 1) / (count + K1 * (1 - B + B * length / USUAL_LENGTH))

    # "cart" three times for the title and once for the text; "total" three times.
    assert scores.tolist() == pytest.approx([one(4, 7), 0, one(3, 3)], rel=1e-5)


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=6), min_size=1, max_size=25), st.data())
def test_scores_do_not_depend_on_the_portions_in_which_bugs_came(texts: list[list[str]], data: st.DataObject) -> None:
    rows = [words(" ".join(f"word{letter}" for letter in text)) for text in texts]
    whole = [Segment.of(rows, first=0)]
    portions: list[Segment] = []
    start = 0
    while start < len(rows):
        size = data.draw(st.integers(1, len(rows) - start))
        portions = postings.grow(portions, Segment.of(rows[start : start + size], first=start))
        start += size
    query = np.unique(np.concatenate([row["key"] for row in rows]) & np.uint32(2**WORD_BITS - 1)).astype(np.uint32)
    rarity = postings.rarities(whole, query, n=len(rows))
    assert postings.rarities(portions, query, n=len(rows)).tolist() == rarity.tolist()
    expected = postings.score(whole, query, rarity, n=len(rows))
    assert postings.score(portions, query, rarity, n=len(rows)).tolist() == pytest.approx(expected.tolist(), rel=1e-5)


def test_many_bugs_one_by_one_leave_few_segments() -> None:
    segments: list[Segment] = []
    for place in range(500):
        segments = postings.grow(segments, Segment.of([words(f"cart word{place}")], first=place))
    assert len(segments) < 8
    assert sum(segment.n for segment in segments) == 500


# -- The index ---


def test_a_removed_bug_is_never_found_and_a_changed_one_by_its_new_words_only() -> None:
    index = BugIndex(4)
    index.add([bug(1, "cart total wrong"), bug(2, "cart lost"), bug(3, "login broken")])
    assert found(index, "cart total") == {1, 2}
    index.remove([1, 99])
    assert found(index, "cart total") == {2}
    index.add([bug(2, "invoice printed twice")])
    assert found(index, "cart total") == set()
    assert found(index, "invoice twice") == {2}
    assert len(index) == 2


def test_only_what_was_filed_before_is_found_and_never_the_bug_itself() -> None:
    index = BugIndex(4)
    index.add([bug(n, "cart total wrong", day=float(n)) for n in (1, 2, 3)])
    assert found(index, "cart total", before=3.0) == {1, 2}
    assert found(index, "cart total", without=2) == {1, 3}
    assert found(index, "cart total", without=77) == {1, 2, 3}


def test_a_bug_is_found_by_meaning_without_a_shared_word_and_by_words_without_a_vector() -> None:
    index = BugIndex(2)
    near, far = np.asarray([1, 0], np.float32), np.asarray([0, 1], np.float32)
    index.add([bug(1, "basket sum", vector=near), bug(2, "cart total"), bug(3, "login", vector=far)])
    result = index.search(ask("cart amount", vector=near))
    assert set(result.bug_ids.tolist()) == {1, 2}
    assert dict(zip(result.bug_ids.tolist(), result.cosines.tolist(), strict=True)) == {1: 1.0, 2: 0.0}


def test_an_empty_index_and_an_empty_query_find_nothing() -> None:
    index = BugIndex(2)
    assert found(index, "cart") == set()
    index.add([bug(1, "cart")])
    assert found(index, "") == set()
    index.add([])
    assert len(index) == 1


def test_bugs_are_added_while_others_search() -> None:
    index = BugIndex(4)
    index.add([bug(0, "cart total wrong")])

    def look() -> bool:
        return all(0 in found(index, "cart total wrong") for _ in range(200))

    with ThreadPoolExecutor(3) as threads:
        looks = [threads.submit(look) for _ in range(3)]
        for n in range(1, 150):
            index.add([bug(n, f"cart word{n}")])
    assert all(one.result() for one in looks)
    assert len(index) == 150


# -- What two reports have in common ---


@pytest.fixture
def large() -> tuple[BugIndex, NDArray[np.float32]]:
    """An index with more bugs than it compares one by one, and its vectors."""
    rng = np.random.default_rng(0)
    topics = rng.standard_normal((100, 32))
    vectors = topics[rng.integers(0, 100, 3_000)] + 0.5 * rng.standard_normal((3_000, 32))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    index = BugIndex(32, exact_up_to=2_000)
    for start in range(0, 3_000, 500):
        rows = range(start, start + 500)
        index.add(bug(row, f"w{row}", vector=vectors[row] if row % 100 else None) for row in rows)
    index.settle()
    return index, vectors


def test_the_bugs_most_like_one_that_is_known_are_found_without_reading_it_again() -> None:
    index = BugIndex(2)
    here = {1: (1.0, 0.0), 2: (0.8, 0.6), 3: (0.0, 1.0)}
    index.add(bug(n, "Crash", vector=np.asarray(vector, np.float32)) for n, vector in here.items())
    index.add([bug(4, "Not read for its meaning yet")])
    assert [n for n, _ in index.alike(1, n=5)] == [2]
    assert index.alike(1, n=5)[0][1] == pytest.approx(0.8, abs=1e-3)  # to half precision
    assert [n for n, _ in index.alike(2, n=1)] == [1]
    assert index.alike(4, n=5) == index.alike(99, n=5) == NoSearch().alike(1, n=5) == []


def of_two_templates(n: int) -> NDArray[np.float32]:
    """Vectors of reports that nearly say one of two things, to half precision."""
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((2, 384))[np.arange(n) % 2] + 0.05 * rng.standard_normal((n, 384))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors.astype(np.float16), np.float32)


@pytest.mark.parametrize("few", [codes.FEW, 300])
def test_the_nearest_are_found_exactly_also_among_many_that_say_nearly_the_same(
    few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codes, "FEW", few)
    monkeypatch.setattr(codes, "BLOCK", 150)
    vectors = of_two_templates(2_000)
    index = BugIndex(384)
    for start in range(0, 2_000, 400):
        rows = range(start, start + 400)
        index.add(bug(row, "w", vector=vectors[row] if row % 10 else None) for row in rows)
    index.remove(range(5, 2_000, 10))
    here = np.arange(2_000) % 5 > 0
    for row in range(0, 2_000, 50):
        exact = np.argsort(-np.where(here, vectors @ vectors[row], -1), kind="stable")[:POOL].tolist()
        assert [bug_id for bug_id, _ in index.nearest(vectors[row], n=POOL)] == exact


@pytest.mark.parametrize("rank", [2, 40, 384])  # of what real vectors are like, and of what they are not
def test_no_cosine_is_above_the_bound_that_is_told_without_reading_the_vector(
    rank: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codes, "BLOCK", 128)
    monkeypatch.setattr(codes, "FEW", 256)
    rng = np.random.default_rng(rank)
    vectors = rng.standard_normal((1_100, rank)) @ rng.standard_normal((rank, 384)) + 1e-3
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
    vectors[::7] = 0
    vectors[:300] = 0  # a text is read some time after it came
    coded = codes.Codes()
    for n, n_coded in ((100, 0), (400, 0), (700, 640), (1_100, 1_024)):  # as bugs come in
        coded = coded.extended(vectors[:n])
        assert len(coded) == n_coded
        for asked in (vectors[302], vectors[-1], vectors[700], -vectors[303]):
            exact = vectors[:n].astype(np.float64) @ asked.astype(np.float64)
            bound = coded.bound(vectors[:n], asked)
            assert (bound >= exact - 1e-6).all()
            assert bound[len(coded) :] == pytest.approx(exact[len(coded) :], abs=1e-6)
            if rank < 100:
                assert (bound - exact).max() < 0.05, "close enough to tell the far ones"


def test_with_many_bugs_the_nearest_are_found_nearly_as_if_all_had_been_compared(
    large: tuple[BugIndex, NDArray[np.float32]],
) -> None:
    index, vectors = large
    read = np.arange(3_000) % 100 > 0
    asked = np.flatnonzero(read)[::30]
    exact = [np.argsort(-np.where(read, vectors @ vectors[row], -1))[:10].tolist() for row in asked]
    found = [[bug_id for bug_id, _ in index.nearest(vectors[row], n=10)] for row in asked]
    hit = [len(set(one) & set(other)) / 10 for one, other in zip(exact, found, strict=True)]
    assert np.mean(hit) >= 0.98
    for row, names in zip(asked.tolist(), found, strict=True):
        assert names[0] == row
        assert not any(name % 100 == 0 for name in names)  # they have no vector yet


def test_a_program_that_ends_while_the_graph_is_built_ends_in_peace() -> None:
    program = """
import time
import numpy as np
from bugflow.ml.duplicates.index import BugIndex, IndexedBug
from bugflow.ml.duplicates.words import ENTRY
index = BugIndex(384, exact_up_to=10)
vectors = np.random.default_rng(0).standard_normal((20_000, 384)).astype(np.float32)
index.add(IndexedBug(row, 0.0, 0, np.zeros(0, ENTRY), vector) for row, vector in enumerate(vectors))
class Slow:
    def __del__(self, wait=time.sleep):  # the interpreter's end takes long enough for a thread to come back to it
        wait(2)
slow = Slow()
time.sleep(1)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_with_many_bugs_new_ones_are_found_and_removed_or_changed_ones_are_not(
    large: tuple[BugIndex, NDArray[np.float32]],
) -> None:
    index, vectors = large
    index.add([bug(5_000, "new", vector=vectors[7]), bug(8, "changed", vector=-vectors[8])])
    index.remove([9])
    assert {5_000, 7} <= {bug_id for bug_id, _ in index.nearest(vectors[7], n=3)}
    assert 5_000 not in {bug_id for bug_id, _ in index.nearest(vectors[7], n=100, without=5_000)}
    assert 8 not in {bug_id for bug_id, _ in index.nearest(vectors[8], n=100)}
    assert 9 not in {bug_id for bug_id, _ in index.nearest(vectors[9], n=100)}
    hits = index.search(ask("w11", vector=vectors[10]))
    assert {10, 11} <= set(hits.bug_ids.tolist())  # by meaning, and by its word


def test_every_column_of_any_pair_is_a_finite_number() -> None:
    index = BugIndex(2)
    texts = ["", "cart", "cart total wrong again", "login 2.1.0 on android", STACK]
    index.add([IndexedBug(n, float(n), n % 2, words(text, STACK), None) for n, text in enumerate(texts)])
    for text in texts:
        pairs = index.search(Query(words(text, text), np.asarray([0.6, 0.8], np.float32), 1, 9.0)).pairs
        assert pairs.shape[1] == len(COLUMNS)
        assert np.isfinite(pairs).all()


def test_columns_say_what_is_shared() -> None:
    index = BugIndex(2)
    vector = np.asarray([1, 0], np.float32)
    same = IndexedBug(1, 10.0, 5, words("cart total wrong on android 2.1.0", STACK), vector)
    other = IndexedBug(2, 10.0, 6, words("cart total wrong on ios 3.0.0"), vector)
    index.add([same, other])
    result = index.search(Query(same.entries, vector, 5, 13.0))
    row = dict(zip(result.bug_ids.tolist(), result.pairs, strict=True))
    twin = dict(zip(COLUMNS, row[1].tolist(), strict=True))
    cousin = dict(zip(COLUMNS, row[2].tolist(), strict=True))
    assert twin["cosine"] == pytest.approx(1)
    assert twin["BM25 of what an equal report would get"] == pytest.approx(1, abs=0.2)
    assert (twin["same exception"], twin["same stack frames"], twin["same version"]) == (1, 1, 1)
    assert twin["title words that the report lacks"] == 0
    assert twin["title words that the earlier report lacks"] < cousin["title words that the earlier report lacks"]
    assert (cousin["other version"], cousin["other platform"], cousin["same version"]) == (1, 1, 0)
    assert (twin["same project"], cousin["same project"]) == (1, 0)
    assert twin["time between"] == pytest.approx(log(4))


def test_the_lead_of_a_candidate_is_measured_against_the_best_others() -> None:
    columns = np.zeros((4, len(COLUMNS)), np.float32)
    rows = traits(np.asarray([5.0, 2.0, 3.0, 1.0]), columns)
    assert rows[0, [0, 1, 2, -1]].tolist() == pytest.approx([5, 2, 5 - (3 + 2 + 1) / 3, 1])
    assert rows[3, [0, 1, 2, -1]].tolist() == pytest.approx([1, -4, 1 - (5 + 3 + 2) / 3, 1])
    assert traits(np.zeros(0), columns[:0]).shape == (0, N_CONFIDENCE)
    assert np.isfinite(traits(np.asarray([2.0]), columns[:1])).all()


def test_candidates_come_best_first_and_none_is_more_probable_than_one_before_it() -> None:
    confidence = np.zeros(N_CONFIDENCE)
    confidence[3] = 5.0  # the cosine alone says how sure one may be, the score something else
    ranker = make_ranker(weights=np.eye(len(COLUMNS))[COLUMNS.index("BM25")], confidence=confidence)
    columns = np.zeros((3, len(COLUMNS)), np.float32)
    columns[:, COLUMNS.index("BM25")] = 1, 3, 2
    columns[:, COLUMNS.index("cosine")] = 0.9, 0.5, 0.1
    order, probabilities = ranker.rank(columns)
    assert order.tolist() == [1, 2, 0]
    assert (np.diff(probabilities) <= 0).all()
    assert ranker.rank(columns[:0])[1].tolist() == []


# -- The search ---


def test_the_report_that_says_the_same_comes_first_with_what_both_say(search: LiveSearch) -> None:
    for n in range(2, 40):
        take_up(search, n, f"page {n} is slow", "again and again")
    take_up(search, 1, "Cart total wrong after coupon", "The sum ignores the coupon on Android 2.1.0")
    best, *_ = find(search, "Coupon ignored: cart total is wrong", "Seen on Android 2.1.0")
    assert best.bug_id == 1
    assert best.likely
    evidence = {one.kind: list(one.values) for one in best.evidence}
    assert {"coupon", "cart", "total"} <= set(evidence[EvidenceKind.WORDS])
    assert evidence[EvidenceKind.VERSION] == ["2.1.0"]
    assert evidence[EvidenceKind.PLATFORM] == ["android"]


def test_evidence_says_where_two_reports_differ(search: LiveSearch) -> None:
    for n in range(2, 40):
        take_up(search, n, f"page {n} is slow")
    take_up(search, 1, "Cart total wrong on ios 3.0.0")
    best, *_ = find(search, "Cart total wrong on android 2.1.0")
    evidence = {one.kind: list(one.values) for one in best.evidence}
    assert evidence[EvidenceKind.OTHER_VERSION] == ["2.1.0"]
    assert evidence[EvidenceKind.OTHER_PLATFORM] == ["android"]


def test_an_empty_text_finds_nothing(search: LiveSearch) -> None:
    take_up(search, 1, "Cart total wrong")
    assert find(search, "", "") == []
    assert find(search, "  ", "!!! ---") == []


def test_words_and_vectors_made_in_another_way_are_left_out(search: LiveSearch) -> None:
    text = clean(BugText("Cart total wrong", "", None))
    known = search.read(text, Reading.MEANING)
    old = Fingerprint("words-0", known.words, "other-encoder", known.vector)
    taken = indexed(1, old, NOW.timestamp(), "", encoder=search.encoder.name, d=search.index.n_dimensions)
    assert len(taken.entries) == 0
    assert taken.vector is None
    cut = Fingerprint(known.scheme, known.words, known.encoder, (known.vector or b"")[:-2])
    assert indexed(1, cut, NOW.timestamp(), "", encoder=search.encoder.name, d=search.index.n_dimensions).vector is None


def test_reading_by_words_alone_asks_no_encoder(search: LiveSearch) -> None:
    text = clean(BugText("Cart total wrong", "", None))
    encoder = search.encoder
    assert isinstance(encoder, WordEncoder)
    assert search.read(text, Reading.WORDS).vector is None
    assert search.read(text, Reading.REMEMBERED).vector is None
    assert encoder.asked == []
    first = search.read(text, Reading.MEANING)
    assert search.read(text, Reading.REMEMBERED) == first


def test_no_search_finds_nothing_and_says_why() -> None:
    none = NoSearch(problem="the encoder is damaged")
    text = clean(BugText("Cart", "", None))
    assert none.read(text, Reading.MEANING) is None
    assert none.find(text, Fingerprint("words-1", b""), n=5) == []
    assert none.problem


def test_entries_of_several_parts_are_added_up_for_the_search() -> None:
    prose = postings.gather_prose([words("cart", "cart cart total"), np.zeros(0, ENTRY)])
    counted = Counter(dict(zip(prose.words.tolist(), prose.counts.tolist(), strict=True)))
    assert sorted(counted.values()) == [1, 5]
    assert set(prose.owners.tolist()) == {0}
