"""Top 10 of a gallery, by cmr's searchers and by the libraries themselves, on the same vectors.

    python bench/search.py msrvtt|coco|large [--rounds 3] [--repeats 3] [--out bench/results]

Called as their users call them: torch by a product and topk, usearch by search and Index, faiss by
IndexFlatIP, IndexScalarQuantizer (8 and 4 bits) and IndexHNSWFlat. Graphs have the same settings:
16 edges, 128 candidates to add, 64 to search. "cmr" before a name is what `cmr bench` times, so
that the difference shows what cmr adds to a library.

Every round gives each contender its own process, in the reverse order of the previous round: the
index is built on the clock, texts are searched at once (warmed up, then repeated), then 200 one by
one, with one thread and with all, of which the faster counts. All have the same number of threads.
Found: the share of the exact top 10 of the float32 vectors, so quantisation counts, too.

Random vectors: this measures time and memory. The texts are near their visuals.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
from peers import SHAPES, make_vectors
from saved import save, show

from cmr.pipeline.bench.machine import cores, forget_peak, peak_resident, resident
from cmr.pipeline.bench.single_product import LARGEST, OneProduct

K, BATCH, SINGLES = 10, 1000, 200
EDGES, ADD, SEARCH = 16, 128, 64
# Searches queries, (n, dim) float32, with a number of threads; returns (n, 10) gallery rows.
Found = np.ndarray
Search = Callable[[np.ndarray, int], Found]


def torch_topk(items: np.ndarray, threads: int) -> Search:
    import torch

    gallery = torch.from_numpy(items)

    def search(queries: np.ndarray, threads: int) -> Found:
        torch.set_num_threads(threads)
        return torch.topk(torch.from_numpy(queries) @ gallery.T, K).indices.numpy()

    return search


def usearch_exact(items: np.ndarray, threads: int) -> Search:
    from usearch.index import search as exact

    def search(queries: np.ndarray, threads: int) -> Found:
        return exact(items, queries, K, "ip", exact=True, threads=threads).keys

    return search


def usearch_hnsw(items: np.ndarray, threads: int) -> Search:
    from usearch.index import Index

    index = Index(
        ndim=items.shape[1], metric="ip", dtype="f32", connectivity=EDGES,
        expansion_add=ADD, expansion_search=SEARCH,
    )  # fmt: skip
    index.add(np.arange(len(items)), items, threads=threads)
    return lambda queries, threads: index.search(queries, K, threads=threads).keys


def cmr(
    scorer: str, precision: str, query_precision: str | None = None
) -> Callable[[np.ndarray, int], Search]:
    """cmr's searcher; vectors and queries are coded before the clock starts.

    `query_precision`: of the queries, if it is not the gallery's: those stay fp32.
    """

    def make(items: np.ndarray, threads: int) -> Search:
        import torch

        from cmr.represent.precisions import encode
        from cmr.represent.quantizers import Quantizer
        from cmr.score.search.asymmetric_index import AsymmetricSearcher
        from cmr.score.search.graph_settings import Hnsw
        from cmr.score.search.indexes import Building
        from cmr.score.search.scorer_kinds import scorer_kind

        torch.set_num_threads(threads)
        stored = encode(items, precision)
        if query_precision is not None:
            index: Any = AsymmetricSearcher(stored, Quantizer("absmax"))
        elif scorer == "torch" and len(items) <= LARGEST:
            index = OneProduct(stored)
        else:
            how = Building(Hnsw(EDGES, ADD, SEARCH), threads)
            index = scorer_kind(scorer).build(stored, how)
        coded: dict[int, Any] = {}

        def search(queries: np.ndarray, threads: int) -> Found:
            torch.set_num_threads(threads)
            key = queries.ctypes.data, len(queries)
            if key not in coded:
                coded[key] = encode(queries, query_precision or precision)
            return index.search(coded[key], K, threads)[0]

        return search

    return make


def faiss_index(kind: str) -> Callable[[np.ndarray, int], Search]:
    def make(items: np.ndarray, threads: int) -> Search:
        import faiss

        faiss.omp_set_num_threads(threads)
        dim, ip = items.shape[1], faiss.METRIC_INNER_PRODUCT
        index: Any
        if kind == "flat":
            index = faiss.IndexFlatIP(dim)
        elif kind == "HNSW":
            index = faiss.IndexHNSWFlat(dim, EDGES, ip)
            index.hnsw.efConstruction, index.hnsw.efSearch = ADD, SEARCH
        else:
            types = {"SQ8": faiss.ScalarQuantizer.QT_8bit, "SQ4": faiss.ScalarQuantizer.QT_4bit}
            index = faiss.IndexScalarQuantizer(dim, types[kind], ip)
            index.train(items)
        index.add(items)

        def search(queries: np.ndarray, threads: int) -> Found:
            faiss.omp_set_num_threads(threads)
            return index.search(queries, K)[1]

        return search

    return make


CONTENDERS: dict[str, Callable[[np.ndarray, int], Search]] = {
    "torch, product and topk": torch_topk,
    "cmr torch fp32": cmr("torch", "fp32"),
    "cmr torch int8": cmr("torch", "int8"),
    "cmr torch int8, fp32 queries": cmr("torch", "int8", "fp32"),
    "usearch exact f32": usearch_exact,
    "cmr usearch-exact fp32": cmr("usearch-exact", "fp32"),
    "cmr usearch-exact int8": cmr("usearch-exact", "int8"),
    "faiss flat": faiss_index("flat"),
    "faiss SQ8": faiss_index("SQ8"),
    "faiss SQ4": faiss_index("SQ4"),
    "usearch HNSW f32": usearch_hnsw,
    "cmr usearch-hnsw fp32": cmr("usearch-hnsw", "fp32"),
    "cmr usearch-hnsw int8": cmr("usearch-hnsw", "int8"),
    "faiss HNSW": faiss_index("HNSW"),
}


def one(name: str, folder: Path, repeats: int) -> dict[str, Any]:
    """One contender in this process: seconds of building, of batches and of single queries."""
    items, queries = np.load(folder / "items.npy"), np.load(folder / "queries.npy")
    exact, threads = np.load(folder / "exact.npy"), cores()
    # Load and warm up the libraries on a few vectors.
    warm = CONTENDERS[name](items[:64].copy(), threads)
    warm(queries[:64].copy(), threads)
    before = resident()
    forget_peak()
    clock = time.perf_counter()
    search = CONTENDERS[name](items, threads)
    build = time.perf_counter() - clock
    found = search(queries, threads)
    batch = []
    for _ in range(repeats):
        clock = time.perf_counter()
        search(queries, threads)
        batch.append((time.perf_counter() - clock) / len(queries))
    peak = peak_resident()
    ones = [queries[row : row + 1] for row in range(min(SINGLES, len(queries)))]
    single = min(
        (latencies(search, ones, count) for count in dict.fromkeys((1, threads))),
        key=statistics.median,
    )
    rows = [np.intersect1d(np.asarray(found)[row], exact[row]).size for row in range(len(queries))]
    return {
        "build": build,
        "batch": batch,
        "single": single,
        "mib": max(0, peak - before) / 2**20,
        "found": sum(rows) / exact.size,
    }


def latencies(search: Search, ones: list[np.ndarray], threads: int) -> list[float]:
    """Seconds of every single query, after all of them were searched once."""
    times = []
    for timed in (False, True):
        for query in ones:
            clock = time.perf_counter()
            search(query, threads)
            if timed:
                times.append(time.perf_counter() - clock)
    return times


def compare(shape: str, rounds: int, repeats: int, folder: Path) -> list[dict[str, object]]:
    """One row per contender; times are ratios to torch's product and topk, of the same rounds."""
    texts, items, _ = make_vectors(*SHAPES[shape])
    queries = texts[np.random.default_rng(1).permutation(len(texts))[:BATCH]].copy()
    np.save(folder / "items.npy", items)
    np.save(folder / "queries.npy", queries)
    np.save(folder / "exact.npy", np.argsort(-(queries @ items.T), axis=1)[:, :K])
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in CONTENDERS}
    for number in range(rounds):
        for name in list(CONTENDERS) if number % 2 == 0 else reversed(CONTENDERS):
            command = [sys.executable, __file__, shape, "--one", name]
            command += ["--folder", str(folder), "--repeats", str(repeats)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            found[name].append(json.loads(done.stdout.splitlines()[-1]))
            click.echo(f"{name}: {min(found[name][-1]['batch']) * 1e6:.0f} us a query", err=True)
    base = found["torch, product and topk"]
    return [_row(name, runs, base) for name, runs in found.items()]


def _row(name: str, runs: list[dict[str, Any]], base: list[dict[str, Any]]) -> dict[str, object]:
    batch, single = pooled(runs, "batch"), pooled(runs, "single")
    ours, alone = pooled(base, "batch"), pooled(base, "single")
    return {
        "contender": name,
        "found": round(runs[0]["found"], 4),
        "build_s": round(statistics.median(run["build"] for run in runs), 3),
        "batch_us_a_query": round(statistics.median(batch) * 1e6, 1),
        "best": round(min(batch) * 1e6, 1),
        "throughput_of_torch": round(statistics.median(ours) / statistics.median(batch), 2),
        "at_best": round(min(ours) / min(batch), 2),
        "p50_us": round(statistics.median(single) * 1e6, 1),
        "p99_us": round(float(np.percentile(single, 99)) * 1e6, 1),
        "p50_of_torch": round(statistics.median(single) / statistics.median(alone), 2),
        "least_us": round(min(single) * 1e6, 1),
        "peak_mib": round(max(run["mib"] for run in runs)),
        "repeats": len(batch),
    }


def pooled(runs: list[dict[str, Any]], what: str) -> list[float]:
    """Everything that was timed in all rounds."""
    return [second for run in runs for second in run[what]]


@click.command()
@click.argument("shape", type=click.Choice(list(SHAPES)))
@click.option("--rounds", default=3, show_default=True)
@click.option("--repeats", default=3, show_default=True)
@click.option("--out", default="bench/results", type=click.Path(path_type=Path))
@click.option("--one", "name", hidden=True)
@click.option("--folder", hidden=True, type=click.Path(path_type=Path))
def main(
    shape: str, rounds: int, repeats: int, out: Path, name: str | None, folder: Path | None
) -> None:
    """Run, print a table, and write it to a file."""
    if name and folder:
        print(json.dumps(one(name, folder, repeats)))
        return
    load = [os.getloadavg()[0]]
    with tempfile.TemporaryDirectory() as made:
        rows = compare(shape, rounds, repeats, Path(made))
    load.append(os.getloadavg()[0])
    show(rows)
    texts, visuals = SHAPES[shape]
    sizes = {"queries": min(BATCH, texts), "gallery": visuals, "load_average": load}
    save(out, f"search-{shape}", {**sizes, "cores": cores(), "rows": rows})


if __name__ == "__main__":
    main()
