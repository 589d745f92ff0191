"""Small warehouses with counts written straight into them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

import numpy as np
import pyarrow as pa

from cmr.warehouse.catalogue_rows import row_name
from cmr.warehouse.schemas import (
    BENCHES,
    DATASETS,
    HELD_OUT_RANKS,
    ITEMS,
    QRELS,
    RANKS,
    RUNS,
    SAMPLED_RANKS,
    TIMINGS,
    Table,
)
from cmr.warehouse.store import Store
from tests.reference import counts

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FAST, SLOW = (json.dumps({"name": name}) for name in ("fast", "slow"))


def add_dataset(warehouse, name, relevance, **more):
    """`relevance`: (texts, visuals) int; 0 is not judged."""
    texts, visuals = relevance.shape
    files = []
    for side, size, letter in (("text", texts, "t"), ("visual", visuals, "v")):
        rows = [{"item_id": f"{letter}{n}", "ordinal": n} for n in range(size)]
        table = pa.Table.from_pylist(rows, schema=ITEMS.schema)
        files.append(warehouse.write(ITEMS, {"dataset": name, "modality": side}, [table]))
    pairs = [
        {"text_id": f"t{t}", "visual_id": f"v{v}", "relevance": int(relevance[t, v])}
        for t, v in zip(*np.nonzero(relevance), strict=True)
    ]
    table = pa.Table.from_pylist(pairs, schema=QRELS.schema)
    files.append(warehouse.write(QRELS, {"dataset": name}, [table]))
    row = dict.fromkeys(DATASETS.schema.names) | {
        "dataset": name,
        "texts": texts,
        "visuals": visuals,
        "files": files,
        "created_at": NOW,
        **more,
    }
    warehouse.commit(DATASETS, name, row)


def count_rows(scores, relevance, letters, pool=None):
    """Rows of `ranks` for queries along the rows of `scores`."""
    relevant = relevance > 0
    found = counts.count(scores, relevant, True, pool)
    rows = []
    for (query, item), (above, tied, r_above, r_tied) in zip(
        zip(*np.nonzero(relevant), strict=True), found.tolist(), strict=True
    ):
        rows.append(
            {
                "query_id": f"{letters[0]}{query}",
                "item_id": f"{letters[1]}{item}",
                "relevance": int(relevance[query, item]),
                "score": float(scores[query, item]),
                "above": above,
                "tied": tied,
                "relevants_above": r_above,
                "relevants_tied": r_tied,
                "relevants": int(relevant[query].sum()),
                "gallery": scores.shape[1],
            }
        )
    return rows


def add_run(warehouse, run_id, dataset, scores, relevance, direction="t2v", pools=None, **more):
    """A run of `scores` (texts, visuals); `pools`: {(C, draw): (queries, items) bool}."""
    letters = "tv"
    if direction == "v2t":
        scores, relevance, letters = scores.T, relevance.T, "vt"
    rows = count_rows(scores, relevance, letters)
    keys = {"run_id": run_id}
    files = [warehouse.write(RANKS, keys, [pa.Table.from_pylist(rows, schema=RANKS.schema)])]
    if more.get("folds"):
        parted = [{**row, "fold": place % more["folds"]} for place, row in enumerate(rows)]
        table = pa.Table.from_pylist(parted, schema=HELD_OUT_RANKS.schema)
        files.append(warehouse.write(HELD_OUT_RANKS, keys, [table]))
    if pools:
        drawn = [
            {**row, "candidates": size, "draw": draw}
            for (size, draw), pool in pools.items()
            for row in count_rows(scores, relevance, letters, pool)
        ]
        table = pa.Table.from_pylist(
            [{name: row.get(name) for name in SAMPLED_RANKS.schema.names} for row in drawn],
            schema=SAMPLED_RANKS.schema,
        )
        files.append(warehouse.write(SAMPLED_RANKS, keys, [table]))
    queries = int((relevance > 0).any(1).sum())
    timing = {"stage": "score", "seconds": 2.0, "queries": queries, "repeat": 0}
    table = pa.Table.from_pylist([timing], schema=TIMINGS.schema)
    files.append(warehouse.write(TIMINGS, keys, [table]))
    row = {
        **dict.fromkeys(RUNS.schema.names),
        "run_id": run_id,
        "dataset": dataset,
        "qrels": "default",
        "dataset_fingerprint": "f",
        "model": "m",
        "direction": direction,
        "dim": 8,
        "dim_method": "native",
        "precision": "fp32",
        "scorer": "torch",
        "seed": 42,
        "protocols": ["expected", "full", "sampled"],
        "candidates": sorted({size for size, _ in pools}) if pools else [],
        "sampled_candidates": sorted({size for size, _ in pools}) if pools else [],
        "ks": [10],
        "draws": len({draw for _, draw in pools}) if pools else 0,
        "hits": 0,
        "queries": queries,
        "gallery": scores.shape[1],
        "vector_bytes": 32,
        "files": files,
        "started_at": NOW,
        "seconds": 2.0,
        **more,
    }
    warehouse.commit(RUNS, run_id, row)


def add_bench(warehouse, precision, seconds, machine=FAST, race="r", stage="batch", day=0, **more):
    """A measurement of torch: `seconds` for 10 queries, a repeat each."""
    bench_id = f"{precision}-{machine[10:14]}-{stage}-{race}-{day}-{more.get('clients')}"
    rows = [
        {
            "stage": stage, "repeat": number, "seconds": took, "queries": 10, "threads": 2,
            "peak_rss_bytes": 300, "idle_rss_bytes": 100,
            "latencies": [took / 10] * 10 if stage in ("single", "clients") else None,
        }
        for number, took in enumerate(seconds)
    ]  # fmt: skip
    table = pa.Table.from_pylist(rows, schema=TIMINGS.schema)
    files = [warehouse.write(TIMINGS, {"run_id": bench_id}, [table])]
    row = dict.fromkeys(BENCHES.schema.names) | {
        "bench_id": bench_id, "stage": stage, "dataset": "d", "dataset_fingerprint": "f",
        "model": "m", "modality": "visual", "direction": "t2v", "dim": 16, "dim_method": "native",
        "precision": precision, "scorer": "torch", "text_set": f"t{precision}",
        "visual_set": f"v{precision}", "gallery": 8, "candidates": 8, "k": 10, "batch": 10,
        "repeats": len(seconds), "threads": 2, "device": "cpu", "race": race,
        "conditions": machine, "machine": machine, "vector_bytes": 4, "files": files,
        "started_at": NOW + timedelta(days=day), "seconds": sum(seconds), **more,
    }  # fmt: skip
    warehouse.commit(BENCHES, bench_id, row)


def new(path) -> Store:
    return Store.create(str(path))


def rewrite(warehouse, catalogue, row, file, change):
    """Commit a data file of a row anew with `change` applied to its rows: wrong, not damaged."""
    old = warehouse.storage.read(file)
    new = old.from_pylist(change(old.to_pylist()), schema=old.schema)
    name, *folders = file.split("/")[:-1]
    keys = {key: unquote(value) for key, value in (folder.split("=") for folder in folders)}
    written = warehouse.write(Table(name, tuple(keys), old.schema), keys, [new])
    more = {"fingerprint": warehouse.checksum(written)} if name == "embeddings" else {}
    files = [written if one == file else one for one in row["files"]]
    warehouse.commit(catalogue, row_name(catalogue, row), {**row, "files": files, **more})
