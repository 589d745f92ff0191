"""Bounded memory: 10,000 texts against 2,000,000 visuals of 512 dimensions in fp16.

    python bench/memory.py FOLDER [visuals]

Writes a warehouse of random unit vectors block by block (this measures memory and time, not
quality), evaluates it in a separate process with --memory 1G, and prints its peak resident memory.
The matrix of all scores would take 80 GB.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from cmr.pipeline.embedding_sets import EmbeddingSet, ensure_set
from cmr.represent.precisions import encode
from cmr.represent.unit_vectors import normalise
from cmr.warehouse.schemas import DATASETS, ITEMS, QRELS
from cmr.warehouse.store import Store
from cmr.warehouse.vectors import to_table

DIM, TEXTS, BLOCK = 512, 10_000, 16_384


def blocks(rows: int, seed: int, precision: str) -> Iterator[pa.Table]:
    rng = np.random.default_rng(seed)
    for first in range(0, rows, BLOCK):
        count = min(BLOCK, rows - first)
        ids = [str(first + row) for row in range(count)]
        vectors = normalise(rng.standard_normal((count, DIM), dtype=np.float32), ids, "item")
        yield to_table(first, ids, encode(vectors, precision))


def build(root: str, visuals: int) -> None:
    warehouse = Store.create(root)
    files = []
    for side, rows in (("text", TEXTS), ("visual", visuals)):
        keys = {"dataset": "big", "modality": side}
        table = pa.table(
            {name: pa.nulls(rows, ITEMS.schema.field(name).type) for name in ITEMS.schema.names}
        )
        table = table.set_column(0, "item_id", pa.array(map(str, range(rows)), pa.string()))
        table = table.set_column(1, "ordinal", pa.array(np.arange(rows)))
        files.append(warehouse.write(ITEMS, keys, [table.cast(ITEMS.schema)]))
        for precision in ("fp32", "fp16"):
            # The native set's rows only represent what fp16 is derived from; only fp16 is scored.
            held = rows if precision == "fp16" else min(rows, 1)
            wanted = EmbeddingSet(
                {"dataset": "big", "model": "random", "modality": side, "dim": DIM,
                 "dim_method": "native", "precision": precision},
                {"method": "native", "precision": precision} if precision == "fp16" else {},
                "random",
                rows,
                parent=None if precision == "fp32" else _native(warehouse, side),
            )  # fmt: skip
            ensure_set(
                warehouse,
                wanted,
                lambda held=held, p=precision, side=side: blocks(held, len(side), p),
            )
    pairs = {
        "text_id": [str(row) for row in range(TEXTS)],
        "visual_id": [str(row * (visuals // TEXTS)) for row in range(TEXTS)],
        "relevance": pa.array([1] * TEXTS, pa.int32()),
    }
    files.append(warehouse.write(QRELS, {"dataset": "big"}, [pa.table(pairs, QRELS.schema)]))
    row = dict.fromkeys(DATASETS.schema.names) | {
        "dataset": "big", "fingerprint": "random", "texts": TEXTS, "visuals": visuals,
        "judgments": TEXTS, "rejects": 0, "files": files, "created_at": datetime.now(UTC),
    }  # fmt: skip
    warehouse.commit(DATASETS, "big", row)


def _native(warehouse: Store, side: str) -> str:
    from cmr.warehouse.schemas import EMBEDDING_SETS

    rows = warehouse.catalogue(EMBEDDING_SETS)
    return next(
        row["set_id"] for row in rows if row["modality"] == side and row["precision"] == "fp32"
    )


def main() -> None:
    root = sys.argv[1]
    visuals = int(sys.argv[2]) if len(sys.argv) > 2 else 2_000_000
    build(root, visuals)
    command = [
        sys.executable, "-m", "cmr", "evaluate", "-w", root, "--dims", str(DIM), "--precisions",
        "fp16", "--protocols", "expected,full", "--candidates", "1000", "--memory", "1G",
    ]  # fmt: skip
    clock = time.perf_counter()
    subprocess.run(command, check=True)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    seconds = time.perf_counter() - clock
    speed = 2 * TEXTS * visuals * DIM / seconds / 1e9
    print(
        f"{TEXTS:,} x {visuals:,}: {seconds:.0f} s, {speed:.0f} Gop/s, peak {peak / 2**30:.2f} GiB"
    )


if __name__ == "__main__":
    main()
