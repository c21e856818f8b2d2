"""Track `latency`: how long one assessment takes, beside the requirements document's design in PyTorch."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from tokenizers import Tokenizer

from bugflow.domain.duplicates import Reading
from bugflow.domain.predictions import BugText
from bugflow.ml.bench.bench import Bench
from bugflow.ml.bench.tables import Table
from bugflow.ml.bench.trackers import sample_rows
from bugflow.ml.classifier import LinearModel
from bugflow.ml.duplicates.index import IndexedBug
from bugflow.ml.duplicates.search import LiveSearch, make_search, prose_of
from bugflow.ml.duplicates.words import ENTRY, WORD_BITS, WORD_MASK, Entries, Part, read_words
from bugflow.ml.encoder import MANY, SHIPPED_ENCODER, TOKENIZER
from bugflow.ml.folder import MANIFEST
from bugflow.ml.predictor import Predictor, load_predictor
from bugflow.ml.reports import to_texts
from bugflow.ml.text import clean

LENGTHS = (16, 64, 128, 256)  # tokens of MiniLM's vocabulary, with its two marks
N_WARM = 5  # first calls fill caches
TURN = 10  # calls of one way before those of the next
BATCH_TOKENS = 64
BATCH = 32  # of the document's design; BugFlow has no batches to choose
TITLE_WORDS = 8

_WORDS = """
app button click error page server login screen user file open close save load menu window list data image text
network memory time color sound test phone network query table index cache update install start stop crash slow
blank wrong missing broken empty double field search filter sort print export import mail link icon scroll touch
""".split()  # noqa: SIM905 - a list of sixty lines reads worse

_COLUMNS = {
    "n_tokens": "tokens",
    "name": "",
    "p50_ms": "p50 ms",
    "p95_ms": "p95 ms",
    "ratio": "times as long as BugFlow (p50)",
}
_NO_TORCH = (
    "The document's design was left out: torch and transformers are not installed (pip install 'bugflow[train]')."
)

WORDS = "BugFlow, severity and team of a project that its models know: words alone"
ALL = "**BugFlow**, any project: severity, team and duplicates among 100,000 bugs"
MEANING = "BugFlow, severity and team of any other project: words and meaning"
N_BUGS = 100_000
WORDS_A_BUG = 80  # different ones; every tenth report of four trackers: 73
N_WORDS = 200_000
BUGS_AT_ONCE = 10_000
N_SEEDS = 1_000
SEED_TOKENS = 16  # of a made-up one
SECOND = 0.6  # how much the second of two vectors counts; likes have a cosine of .8
N_CANDIDATES = 5  # what the reporting form shows


class Design(Protocol):
    """What the document's design is timed by; see `document.Document`."""

    def assess(self, n_tokens: int, *, n_texts: int = 1) -> None: ...


def measure_latency(bench: Bench) -> list[Table]:
    """One assessment at each length, batches, the start of a process; on one thread."""
    with threadpool_limits(limits=1):
        design = find_design()
        notes = [
            f"p50 and p95 of {bench.n_runs} calls with a different text each, on one thread, ten of each row in turn.",
            "The document's design: DistilBERT for severity, another for team, MiniLM for duplicates, in PyTorch with "
            "random weights of their sizes; without the time to split texts into tokens.",
            f"BugFlow's encoder reads the first {_encoder_tokens()} tokens of a text, the design all of them.",
            f"The {N_BUGS:,} bugs are made up: {WORDS_A_BUG} words each out of {N_WORDS:,}, as unevenly frequent as in "
            f"real text, and a vector between those of two of {N_SEEDS:,} "
            f"{'real' if bench.trackers else 'made-up'} reports.",
            "" if design else _NO_TORCH,
        ]
        return [
            _measure_one(bench, design, notes=[note for note in notes if note]),
            _measure_batches(bench, design),
            _measure_start(),
        ]


def find_design() -> Design | None:
    """The document's design, where torch and transformers are installed."""
    try:
        from bugflow.ml.bench.document import Document  # noqa: PLC0415 - torch is an extra
    except ModuleNotFoundError:
        return None
    return Document()


def make_texts(n: int, *, n_tokens: int, seed: int = 0) -> list[BugText]:
    """Made-up reports of exactly so many tokens, all different."""
    tokenizer = Tokenizer.from_file(str(SHIPPED_ENCODER / TOKENIZER))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    whole = [word for word in _WORDS if len(tokenizer.encode(word, add_special_tokens=False).ids) == 1]
    rng = np.random.default_rng([seed, n_tokens])
    texts = []
    for _ in range(n):
        words = [str(word) for word in rng.choice(whole, n_tokens - 2)]
        texts.append(BugText(" ".join(words[:TITLE_WORDS]), " ".join(words[TITLE_WORDS:]), None))
    return texts


def time_in_turns(ways: Mapping[str, Sequence[Callable[[], object]]]) -> dict[str, dict[str, float]]:
    """Median and 95th percentile, in milliseconds, of the calls of each way but for the first `N_WARM`.

    A few of one way, a few of the next, and so on: a machine that is shared is now quick, now slow, for seconds.
    """
    took: dict[str, list[float]] = {name: [] for name in ways}
    for start in range(0, max(map(len, ways.values())), TURN):
        for name, calls in ways.items():
            for call in calls[start : start + TURN]:
                started = time.perf_counter()
                call()
                took[name].append(1_000 * (time.perf_counter() - started))
    spreads = {name: np.percentile(each[N_WARM:], [50, 95]).tolist() for name, each in took.items()}
    return {name: {"p50_ms": round(p50, 3), "p95_ms": round(p95, 3)} for name, (p50, p95) in spreads.items()}


def _encoder_tokens() -> int:
    return int(json.loads((SHIPPED_ENCODER / MANIFEST).read_bytes())["max_tokens"])


def _measure_one(bench: Bench, design: Design | None, *, notes: Sequence[str]) -> Table:
    predictor = load_predictor(duplicates=fill_search(bench, n=bench.limit or N_BUGS))
    rows: list[dict[str, Any]] = []
    for n_tokens in LENGTHS:
        bench.tell(f"latency at {n_tokens} tokens")
        texts = make_texts(bench.n_runs + N_WARM, n_tokens=n_tokens)
        ways: dict[str, list[Callable[[], object]]] = {
            WORDS: [partial(predictor.assess, [text]) for text in _of_known_project(texts, predictor)],
            ALL: [
                partial(predictor.assess, [text], reading=Reading.MEANING, n_duplicates=N_CANDIDATES) for text in texts
            ],
        }
        if design is not None:
            ways["the document's design"] = [partial(design.assess, n_tokens)] * len(texts)
        took = time_in_turns(ways)
        ours = took[ALL]["p50_ms"]
        rows += [
            {"n_tokens": n_tokens, "name": name, **times, "ratio": round(times["p50_ms"] / ours, 2)}
            for name, times in took.items()
        ]
    return Table("latency: one report", "none; texts made up here", _COLUMNS, rows, notes)


def fill_search(bench: Bench, *, n: int = N_BUGS) -> LiveSearch:
    """A search over n made-up bugs, with the shipped encoder and ranker."""
    bench.tell(f"index of {n:,} bugs")
    search = make_search()
    rng = np.random.default_rng(0)
    seeds = search.encoder.encode([prose_of(clean(text)) for text in _seeds(bench)])
    frequency = 1 / np.arange(1, N_WORDS + 1)
    hashes = rng.permutation(np.unique(rng.integers(0, 2**WORD_BITS, 2 * N_WORDS, dtype=np.uint32))[:N_WORDS])
    # The words of the reports that are timed stand among them as often as a word of a report does.
    asked = np.unique(read_words(clean(BugText(" ".join(_WORDS), "", None)))["key"] & WORD_MASK)
    hashes[np.geomspace(1, N_WORDS - 1, len(asked)).astype(np.int64)] = rng.permutation(asked)
    cumulated = np.cumsum(frequency / frequency.sum())
    for start in range(0, n, BUGS_AT_ONCE):
        size = min(BUGS_AT_ONCE, n - start)
        vectors = seeds[rng.integers(0, len(seeds), size)] + SECOND * seeds[rng.integers(0, len(seeds), size)]
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        drawn = np.searchsorted(cumulated, rng.random((size, WORDS_A_BUG)) * cumulated[-1])
        search.index.add(
            IndexedBug(start + row, float(start), 0, _entries_of(hashes[np.unique(drawn[row])]), vectors[row])
            for row in range(size)
        )
    return search


def _seeds(bench: Bench) -> list[BugText]:
    """Reports that vectors are made from: spread over the trackers, made up where there are none."""
    if not bench.trackers:
        return make_texts(N_SEEDS, n_tokens=SEED_TOKENS, seed=2)
    return [text for _, frame in sample_rows(bench.trackers, limit=N_SEEDS) for text in to_texts(frame)]


def _entries_of(words: NDArray[np.uint32]) -> Entries:
    """A report's words, a tenth of them in the title."""
    entries = np.zeros(len(words), ENTRY)
    part = np.where(np.arange(len(words)) % 10 == 0, Part.TITLE, Part.DESCRIPTION).astype(np.uint32)
    entries["key"] = np.sort((part << np.uint32(WORD_BITS)) | words)
    entries["count"] = 1
    return entries


def _of_known_project(texts: Sequence[BugText], predictor: Predictor) -> list[BugText]:
    """The same reports of a project of which no model reads the meaning; as they are, where there is none."""
    models = [artifact.model for artifact in predictor.artifacts.values()]
    familiar = [model.familiar for model in models if isinstance(model, LinearModel) and model.meaning]
    known = min(frozenset.intersection(*familiar), default=None) if familiar else None
    return [replace(text, project=known) for text in texts]


def _measure_batches(bench: Bench, design: Design | None) -> Table:
    n = max(bench.n_runs, BATCH)
    texts = make_texts(n, n_tokens=BATCH_TOKENS, seed=1)
    predictor = load_predictor()
    known = _of_known_project(texts, predictor)
    ways: dict[str, tuple[int, Callable[[], object]]] = {
        WORDS: (n, lambda: predictor.assess(known)),
        MEANING: (n, lambda: predictor.assess(texts)),
    }
    if design is not None:
        ways["the document's design"] = (BATCH, lambda: design.assess(BATCH_TOKENS, n_texts=BATCH))
    rows = []
    for name, (size, act) in ways.items():
        bench.tell(f"throughput: {name}")
        started = time.perf_counter()
        act()
        rows.append({"name": name, "n": size, "per_second": round(size / (time.perf_counter() - started), 1)})
    columns = {"name": "", "n": "reports at once", "per_second": "reports a second"}
    notes = (f"BugFlow reads the meaning of {MANY} reports and more on all cores; everything else runs on one thread.",)
    return Table("latency: batches", f"none; made-up texts of {BATCH_TOKENS} tokens", columns, rows, notes)


def _measure_start() -> Table:
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "bugflow.ml.bench.ready"],
        env=os.environ | one_thread,
        capture_output=True,
        text=True,
        check=True,
    )
    whole = round(time.perf_counter() - started, 3)
    columns = {
        "import_seconds": "import s",
        "load_seconds": "load s",
        "first_seconds": "first answer s",
        "whole_seconds": "whole process s",
        "memory_mb": "largest memory MB",
    }
    rows = [{**json.loads(done.stdout), "whole_seconds": whole}]
    return Table("latency: start of a process with models and encoder", "none", columns, rows)
