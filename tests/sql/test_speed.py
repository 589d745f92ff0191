"""Views over benches: figures of one machine at a time, and ratios of what took turns."""

from __future__ import annotations

import json
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from cmr.views import connect, fetch
from cmr.warehouse.schemas import BENCHES, TIMINGS
from tests import warehouses

FAST, SLOW = (json.dumps({"name": name}) for name in ("fast", "slow"))


@pytest.fixture
def two(tmp_path):
    """Runs of fp32, int8 and int4 that find everything; nothing is benched yet."""
    rng = np.random.default_rng(0)
    relevance = (rng.random((12, 8)) < 0.3).astype(int)
    relevance[:, 0] = 1
    warehouse = warehouses.new(tmp_path)
    warehouses.add_dataset(warehouse, "d", relevance)
    for precision, size in (("fp32", 64), ("int8", 16), ("int4", 8)):
        warehouses.add_run(
            warehouse, precision, "d", relevance.astype(float), relevance, precision=precision,
            vector_bytes=size, text_set=f"t{precision}", visual_set=f"v{precision}", dim=16,
        )  # fmt: skip
    return warehouse


def add_bench(warehouse, precision, seconds, machine=FAST, race="r", stage="batch", day=0, **more):
    """A measurement of torch: `seconds` for 10 queries, a repeat each."""
    bench_id = f"{precision}-{machine[10:14]}-{stage}-{race}-{day}"
    rows = [
        {
            "stage": stage, "repeat": number, "seconds": took, "queries": 10, "threads": 2,
            "peak_rss_bytes": 300, "idle_rss_bytes": 100,
            "latencies": [took / 10] * 10 if stage == "single" else None,
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
        "started_at": warehouses.NOW + timedelta(days=day), "seconds": sum(seconds), **more,
    }  # fmt: skip
    warehouse.commit(BENCHES, bench_id, row)


def rows(warehouse, query):
    return fetch(connect(warehouse.root), query).to_pylist()


def test_turns_are_paired(two):
    """Drift that meets both alike does not touch the ratio: 2, 2 and 4 of the three rounds."""
    add_bench(two, "fp32", [1.0, 8.0, 4.0])
    add_bench(two, "int8", [0.5, 4.0, 1.0])
    (found,) = rows(two, "from decisions where run_id = 'int8' and measure = 'recall' and k = 10")
    assert (found["throughput"], found["throughput_low"], found["throughput_high"]) == (2, 2, 4)
    assert found["together"]
    assert found["bytes_share"] == 0.25
    assert found["sentence"] == (
        "What int8 at 16 keeps of the Recall@10 of fp32 at 16 (t2v) cannot be said (1 visual item "
        "is too few: at least 30 are needed); it has a quarter of the bytes and 2x [2, 4] the "
        "throughput"
    )


def test_what_did_not_take_turns_says_so(two):
    add_bench(two, "fp32", [1.0, 1.0, 9.0])
    add_bench(two, "int8", [0.5, 0.5], race="another")
    (found,) = rows(two, "from decisions where run_id = 'int8' and measure = 'recall' and k = 10")
    assert (found["throughput"], found["throughput_low"], found["together"]) == (2, None, False)
    assert found["sentence"].endswith("and 2x the throughput, measured apart")


def test_two_machines_are_never_compared_in_silence(two):
    """Each family's figures are of the machine that has most of them; the rest are NULL."""
    add_bench(two, "fp32", [1.0], SLOW)
    add_bench(two, "int8", [0.5], SLOW)
    add_bench(two, "int8", [0.05], FAST, day=3)
    add_bench(two, "int4", [0.01], FAST, day=4)
    pace = {row["run_id"]: row for row in rows(two, "from tradeoffs")}
    # Both machines have two: the latest counts.
    assert {row["machine"] for row in pace.values()} == {FAST, None}
    assert pace["fp32"]["queries_per_second"] is None
    assert pace["int8"]["queries_per_second"] == pytest.approx(200)
    assert rows(two, "from decisions where throughput is not null") == []
    assert "throughput" not in rows(two, "from decisions")[0]["sentence"]
    add_bench(two, "int4", [0.1], SLOW)
    pace = {row["run_id"]: row for row in rows(two, "from tradeoffs")}
    assert {row["machine"] for row in pace.values()} == {SLOW}
    assert pace["int8"]["queries_per_second"] == pytest.approx(20)
    apart = {row["precision"]: row for row in rows(two, "from across_machines")}
    assert set(apart) == {"int8", "int4"}
    assert {(row["machine_a"], row["machine_b"]) for row in apart.values()} == {(FAST, SLOW)}
    assert apart["int8"]["times"] == pytest.approx(0.1)
    assert not apart["int8"]["same_machine"]


def test_the_last_measurement_counts(two):
    add_bench(two, "fp32", [1.0])
    add_bench(two, "fp32", [0.2, 0.4, 0.4], race="later", day=1)
    add_bench(two, "fp32", [0.03, 0.05], stage="single", batch=1)
    (found,) = rows(two, "from speed where measured = 'bench'")
    assert found["queries_per_second"] == pytest.approx(25)
    assert found["quickest"] == pytest.approx(50)
    assert found["p50_ms"] == pytest.approx(4)
    assert found["race"] == "later"
    assert found["search_peak_bytes"] == 200


def test_without_a_bench_the_scoring_pass_counts(two):
    found = rows(two, "from tradeoffs")
    assert {row["measured"] for row in found} == {"evaluate"}
    assert {row["queries_per_second"] for row in found} == {6.0}
    assert all(row["p50_ms"] is None for row in found)


def test_costs_that_nothing_beats(two):
    for precision, seconds in (("fp32", 0.4), ("int8", 0.2), ("int4", 0.3)):
        add_bench(two, precision, [seconds])
        add_bench(two, precision, [seconds], stage="single", batch=1)
    found = rows(two, "from cost_curve where measure = 'recall' and k = 10")
    assert {row["run_id"]: (row["best_bytes"], row["best_latency"]) for row in found} == {
        "fp32": (False, False), "int8": (False, True), "int4": (True, False),
    }  # fmt: skip


def test_a_warehouse_older_than_benches(two, tmp_path):
    (tmp_path / "benches" / "_anchor.parquet").unlink()
    assert rows(two, "from benches") == []
    assert len(rows(two, "from speed")) == 3
    add_bench(two, "int8", [0.5])
    assert [row["precision"] for row in rows(two, "from benches")] == ["int8"]
