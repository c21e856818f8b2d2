"""How quickly duplicates are found among 100,000 real bugs: cold start, memory, search over HTTP, freshness.

Run `python benchmarks/duplicates.py [--json FILE]` on a quiet machine; needs the bug reports of BUGFLOW_BENCH_DATA and
the vectors that `bugflow bench duplicates` keeps (else it makes them, half an hour). Up to 100,000 bugs every vector is
compared; the four trackers are cut to that many.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import select

from bugflow.config import load_settings
from bugflow.db.tables import Bug, Project
from bugflow.domain.duplicates import Fingerprint
from bugflow.domain.predictions import BugText
from bugflow.ml.duplicates.search import prose_of
from bugflow.ml.duplicates.words import SCHEME, read_words, to_bytes
from bugflow.ml.encoder import load_encoder
from bugflow.ml.reports import to_texts
from bugflow.ml.text import clean
from bugflow.ml.train.embeddings import CachedEncoder, default_cache
from bugflow.ml.train.history import read_history
from bugflow.runtime import open_database
from bugflow.services.duplicates import fingerprints
from house import TEXT, api_of, latency, run_bugflow, timed, trial

TRACKERS = ("apache_jira", "jquery", "titanium", "xamarin")
N_BUGS = 99_900  # and what is reported meanwhile
LAST = "ocelot harpsichord tangerine deadlock"  # the newest bug, which an index takes up last
N_SEARCHES = 200
AT_ONCE = 2_000


def main() -> None:
    with trial(*TRACKERS) as house:
        files, environment, figures = house.files, house.environment, house.figures
        os.environ.update(environment)
        with api_of(environment) as (_, _, process):
            figures["memory_mb_empty"] = memory_mb(process.pid)
        left = N_BUGS
        for file in files:
            part = house.folder / file.name
            frame = pl.read_parquet(file).head(left)
            frame.write_parquet(part)
            left -= len(frame)
            tell(f"{file.name}: {run_bugflow(environment, 'import', str(part)).splitlines()[-1]}")
        keep_vectors(files)
        last = house.folder / "last.csv"
        last.write_text(f"id,project,title,description\nlast,Alloy,{LAST},{LAST}\n")
        tell(run_bugflow(environment, "import", str(last)).splitlines()[-1])
        queries = [TEXT, *(f"{text.title}\n{text.description}" for text in sample(files))]
        with api_of(environment) as (client, start_seconds, process):
            figures["api_start_seconds"] = start_seconds
            seconds, _ = timed(lambda: wait_until_found(client, LAST))
            figures["all_searched_after_seconds"] = round(start_seconds + seconds, 2)
            figures["memory_mb"] = memory_mb(process.pid)
            asked = iter(queries)
            figures["search"] = latency("search", lambda: search(client, next(asked)), n=N_SEARCHES)
            said = iter(queries)
            predict = {"project": "Alloy"}
            figures["predict"] = latency(
                "predict", lambda: client.post("/predict", json=predict | {"description": next(said)}), n=N_SEARCHES
            )
            with api_of(environment) as (other, _, _process):
                for words in ("quokka zeppelin marmalade overflow", "walrus trombone lavender timeout"):
                    client.post("/report_bug", json={"description": words, "project": "Alloy"}).raise_for_status()
                    seconds, _ = timed(lambda words=words: wait_until_found(other, words))
                # The first is found when the other process has filled its index.
                figures["found_in_another_process_after_seconds"] = round(seconds, 2)


def keep_vectors(files: list[Path]) -> None:
    """What a worker does in half an hour: keep the vector of each bug."""
    encoder = CachedEncoder(load_encoder(), default_cache())
    known: dict[str, Any] = {}
    for file in files:
        history = read_history(file, encoder, progress=tell)
        prose = [prose_of(clean(text)) for text in to_texts(history.corpus.rows)]
        known |= {text: bug.vector for text, bug in zip(prose, history.corpus.bugs, strict=True)}
    database = open_database(load_settings())
    with database.read() as session:
        query = select(Bug.id, Bug.title, Bug.description, Project.name).join(Bug.project)
        bugs = [(n, clean(BugText(*texts))) for n, *texts in session.execute(query).all()]
    missing = [prose_of(text) for _, text in bugs if prose_of(text) not in known]
    tell(f"{len(missing):,} texts are new")
    known |= dict(zip(missing, encoder.encode(missing), strict=True))
    for start in range(0, len(bugs), AT_ONCE):
        with database.write() as session:
            some = bugs[start : start + AT_ONCE]
            vectors = [known[prose_of(text)].astype("float16").tobytes() for _, text in some]
            fingerprints.keep(
                session,
                {
                    n: Fingerprint(SCHEME, to_bytes(read_words(text)), encoder.name, vector)
                    for (n, text), vector in zip(some, vectors, strict=True)
                },
            )
    database.engine.dispose()


def sample(files: list[Path]) -> list[BugText]:
    """Reports spread over the trackers, each a little changed, so that none is remembered."""
    texts = [text for file in files for text in to_texts(pl.read_parquet(file).gather_every(300).fill_null(""))]
    return [BugText(f"{text.title} again", text.description[:2_000]) for text in texts][: 2 * N_SEARCHES]


def search(client: Any, text: str) -> Any:
    return client.post("/api/v1/duplicates/search", json={"description": text})


def wait_until_found(client: Any, words: str) -> None:
    while not any(words in one["title"] for one in search(client, words).json()["candidates"]):
        time.sleep(0.05)


def memory_mb(pid: int) -> int:
    """What belongs to the process alone; the database file that it maps is everybody's."""
    return round(int(Path(f"/proc/{pid}/status").read_text().split("RssAnon:")[1].split()[0]) / 1024)


def tell(line: str) -> None:
    print(line, file=sys.stderr)


if __name__ == "__main__":
    main()
