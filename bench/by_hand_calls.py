"""The libraries of `bench/by_hand.py` as their documentation calls them; cmr is not imported here.

    python bench/by_hand_calls.py faiss-flat FOLDER [DSN]

FOLDER has gallery.npy, singles.npy and batch.npy. A library that can be told how many threads to
use answers single queries with one or with all, whichever was faster in a trial, as in `cmr bench`.
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

K, WARM, LEAST = 10, 30, 0.2
Calls = Sequence[Callable[[], Any]]


@dataclass(frozen=True)
class Built:
    """`singles`: a call for each query. `batch`: one for all. `threads`: sets how many to use."""

    singles: Calls
    batch: Callable[[], Any]
    threads: Callable[[int], Any] | None = None


@dataclass(frozen=True)
class ByHand:
    """`build`: from the three arrays and a DSN. `scorer`, `options`: what cmr calls the same."""

    build: Callable[[Any, Any, Any, str], Built]
    scorer: str
    options: str = ""


def faiss_flat(gallery: Any, singles: Any, batch: Any, _: str) -> Built:
    """https://github.com/facebookresearch/faiss/wiki/Getting-started"""
    import faiss

    index = faiss.IndexFlatIP(gallery.shape[1])
    index.add(gallery)
    return _faiss(faiss, index, singles, batch)


def faiss_hnsw(gallery: Any, singles: Any, batch: Any, _: str) -> Built:
    """The same with a graph."""
    import faiss

    index = faiss.IndexHNSWFlat(gallery.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
    index.add(gallery)
    return _faiss(faiss, index, singles, batch)


def _faiss(faiss: Any, index: Any, singles: Any, batch: Any) -> Built:
    ones = [singles[row : row + 1] for row in range(len(singles))]
    return Built(
        [lambda one=one: index.search(one, K) for one in ones],
        lambda: index.search(batch, K),
        faiss.omp_set_num_threads,
    )


def lancedb_flat(gallery: Any, singles: Any, batch: Any, _: str) -> Built:
    """https://lancedb.github.io/lancedb/search: every row."""
    return _lancedb(gallery, singles, batch, None)


def lancedb_ivf_pq(gallery: Any, singles: Any, batch: Any, _: str) -> Built:
    """The same with its usual index."""
    from lancedb.index import IvfPq

    return _lancedb(gallery, singles, batch, IvfPq(distance_type="dot"))


def _lancedb(gallery: Any, singles: Any, batch: Any, index: Any) -> Built:
    import lancedb
    import pyarrow as pa

    column = pa.FixedSizeListArray.from_arrays(pa.array(gallery.ravel()), gallery.shape[1])
    rows = pa.table({"id": np.arange(len(gallery)), "vector": column})
    folder = tempfile.mkdtemp(dir=sys.argv[2])
    table = lancedb.connect(folder).create_table("items", rows)
    if index is not None:
        table.create_index("vector", config=index)

    def ask(query: Any) -> Any:
        found = table.search(query).distance_type("dot").limit(K).nprobes(20)
        return found.select(["id", "_distance"]).to_arrow()

    many = list(batch)
    return Built([lambda one=one: ask(one) for one in singles], lambda: ask(many))


def pgvector_hnsw(gallery: Any, singles: Any, batch: Any, dsn: str) -> Built:
    """https://github.com/pgvector/pgvector#hnsw, with vectors sent in binary."""
    import psycopg
    from psycopg.adapt import Dumper
    from psycopg.pq import Format

    dim = gallery.shape[1]
    database = psycopg.connect(dsn, autocommit=True)
    # In a schema of its own, which goes with the server or is dropped by the next.
    database.execute("DROP SCHEMA IF EXISTS by_hand CASCADE; CREATE SCHEMA by_hand")
    database.execute("SET search_path = by_hand, public")
    database.execute(f"CREATE TABLE items (id integer, item vector({dim}))")
    (oid,) = database.execute("SELECT 'vector'::regtype::oid::integer").fetchone()

    def dump(_: Any, one: Any) -> bytes:
        return len(one).to_bytes(2, "big") + bytes(2) + one.astype(">f4").tobytes()

    made = type("Vector", (Dumper,), {"format": Format.BINARY, "oid": oid, "dump": dump})
    database.adapters.register_dumper(np.ndarray, made)
    with database.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO items VALUES (%s, %b)", list(enumerate(gallery)), returning=False
        )
    database.execute("CREATE INDEX ON items USING hnsw (item vector_ip_ops)")
    database.execute("ANALYZE items")
    # A table this small would be read whole.
    database.execute("SET enable_seqscan = off")
    query = f"SELECT id, item <#> %(q)b AS far FROM items ORDER BY far LIMIT {K}"

    def ask(one: Any) -> Any:
        return database.execute(query, {"q": one}).fetchall()

    return Built([lambda one=one: ask(one) for one in singles], lambda: [ask(one) for one in batch])


CALLS = {
    "faiss-flat": ByHand(faiss_flat, "faiss-flat"),
    "faiss-hnsw": ByHand(faiss_hnsw, "faiss-hnsw"),
    "lancedb-flat": ByHand(lancedb_flat, "lancedb", "index=none"),
    "lancedb-ivf-pq": ByHand(lancedb_ivf_pq, "lancedb"),
    "pgvector-hnsw": ByHand(pgvector_hnsw, "pgvector"),
}


def times(calls: Calls) -> list[float]:
    """Seconds of each call."""
    found = []
    gc.collect()
    gc.disable()
    for call in calls:
        clock = time.perf_counter()
        call()
        found.append(time.perf_counter() - clock)
    gc.enable()
    return found


class Turns:
    """A library that was warmed up, and is timed whenever its turn comes."""

    def __init__(self, built: Built) -> None:
        """Warm up; of numbers of threads for single queries, choose the faster."""
        self._built, self._all = built, len(os.sched_getaffinity(0))
        trials = {}
        for number in dict.fromkeys((1, self._all)):
            self._use(number)
            times(built.singles[:WARM])
            trials[number] = statistics.median(times(built.singles[:WARM]))
        self._best = min(trials, key=lambda number: trials[number])
        self._use(self._all)
        built.batch()
        self._often = max(1, round(LEAST / times([built.batch])[0]))

    def _use(self, threads: int) -> None:
        if self._built.threads is not None:
            self._built.threads(threads)

    def single(self) -> list[float]:
        """Seconds of every query."""
        self._use(self._best)
        return times(self._built.singles)

    def batch(self) -> list[float]:
        """Seconds of every batch."""
        self._use(self._all)
        return times([self._built.batch] * self._often)


def main() -> None:
    """Answer each line of the input, which is `single` or `batch`, with its times as JSON."""
    name, folder, dsn = (*sys.argv[1:], "")[:3]
    arrays = [np.load(Path(folder) / f"{one}.npy") for one in ("gallery", "singles", "batch")]
    turns = Turns(CALLS[name].build(*arrays, dsn))
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(getattr(turns, line.strip())()), flush=True)


if __name__ == "__main__":
    main()
