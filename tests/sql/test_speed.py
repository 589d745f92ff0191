"""Views over benches: figures of one machine at a time, and ratios of what took turns."""

from __future__ import annotations

import numpy as np
import pytest

from cmr.answers import fetch
from cmr.views import connect
from tests import warehouses

FAST, SLOW = warehouses.FAST, warehouses.SLOW


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


def rows(warehouse, query):
    return fetch(connect(warehouse.root, query), query).to_pylist()


@pytest.mark.slow
def test_turns_are_paired(two):
    """Drift that meets both alike does not touch the ratio: 2, 2 and 4 of the three rounds."""
    warehouses.add_bench(two, "fp32", [1.0, 8.0, 4.0])
    warehouses.add_bench(two, "int8", [0.5, 4.0, 1.0])
    (found,) = rows(two, "from decisions where run_id = 'int8' and measure = 'recall' and k = 10")
    assert (found["throughput"], found["throughput_low"], found["throughput_high"]) == (2, 2, 4)
    assert found["together"]
    assert found["bytes_share"] == 0.25
    assert found["sentence"] == (
        "What int8 at 16 keeps of the Recall@10 of fp32 at 16 (t2v, whole gallery) cannot be said "
        "(1 visual item is too few: at least 30 are needed); it has a quarter of the bytes "
        "and 2x [2, 4] the throughput"
    )


@pytest.mark.slow
def test_what_did_not_take_turns_says_so(two):
    warehouses.add_bench(two, "fp32", [1.0, 1.0, 9.0])
    warehouses.add_bench(two, "int8", [0.5, 0.5], race="another")
    (found,) = rows(two, "from decisions where run_id = 'int8' and measure = 'recall' and k = 10")
    assert (found["throughput"], found["throughput_low"], found["together"]) == (2, None, False)
    assert found["sentence"].endswith("and 2x the throughput, measured apart")


@pytest.mark.slow
def test_two_machines_are_never_compared_in_silence(two):
    """Each family's figures are of the machine that has most of them; the rest are NULL."""
    warehouses.add_bench(two, "fp32", [1.0], SLOW)
    warehouses.add_bench(two, "int8", [0.5], SLOW)
    warehouses.add_bench(two, "int8", [0.05], FAST, day=3)
    warehouses.add_bench(two, "int4", [0.01], FAST, day=4)
    pace = {row["run_id"]: row for row in rows(two, "from tradeoffs")}
    # Both machines have two: the latest counts.
    assert {row["machine"] for row in pace.values()} == {FAST, None}
    assert pace["fp32"]["queries_per_second"] is None
    assert pace["int8"]["queries_per_second"] == pytest.approx(200)
    assert rows(two, "from decisions where throughput is not null") == []
    assert "throughput" not in rows(two, "from decisions")[0]["sentence"]
    warehouses.add_bench(two, "int4", [0.1], SLOW)
    pace = {row["run_id"]: row for row in rows(two, "from tradeoffs")}
    assert {row["machine"] for row in pace.values()} == {SLOW}
    assert pace["int8"]["queries_per_second"] == pytest.approx(20)
    apart = {row["precision"]: row for row in rows(two, "from across_machines")}
    assert set(apart) == {"int8", "int4"}
    assert {(row["machine_a"], row["machine_b"]) for row in apart.values()} == {(FAST, SLOW)}
    assert apart["int8"]["times"] == pytest.approx(0.1)
    assert not apart["int8"]["same_machine"]


def test_the_last_measurement_counts(two):
    warehouses.add_bench(two, "fp32", [1.0])
    warehouses.add_bench(two, "fp32", [0.2, 0.4, 0.4], race="later", day=1)
    warehouses.add_bench(two, "fp32", [0.03, 0.05], stage="single", batch=1)
    (found,) = rows(two, "from speed where measured = 'bench'")
    assert found["queries_per_second"] == pytest.approx(25)
    assert found["quickest"] == pytest.approx(50)
    assert found["p50_ms"] == pytest.approx(4)
    assert found["race"] == "later"
    assert found["search_peak_bytes"] == 200


@pytest.mark.slow
def test_the_scoring_pass_is_no_speed(two):
    """Evaluate's pass is in `speed`, named so, and in nothing that compares speeds."""
    assert {row["measured"] for row in rows(two, "from speed")} == {"evaluate"}
    found = rows(two, "from tradeoffs")
    assert len(found) == 3
    assert {(row["queries_per_second"], row["p50_ms"], row["pareto"]) for row in found} == {
        (None, None, None)
    }
    assert {row["pareto_bytes"] for row in found} == {False, True}
    assert {row["queries_per_second"] for row in rows(two, "from cost_curve")} == {None}


@pytest.mark.slow
def test_the_front_by_speed(two):
    """Quicker, or smaller; what has no speed is neither on the front nor in the way of another."""
    warehouses.add_bench(two, "fp32", [0.1])
    warehouses.add_bench(two, "int8", [0.2])
    found = {row["run_id"]: row for row in rows(two, "from tradeoffs")}
    assert {name: row["pareto"] for name, row in found.items()} == {
        "fp32": True, "int8": True, "int4": None,
    }  # fmt: skip
    warehouses.add_bench(two, "int4", [0.1])
    found = {row["run_id"]: row["pareto"] for row in rows(two, "from tradeoffs")}
    assert found == {"fp32": False, "int8": False, "int4": True}


@pytest.mark.slow
def test_costs_that_nothing_beats(two):
    for precision, seconds in (("fp32", 0.4), ("int8", 0.2), ("int4", 0.3)):
        warehouses.add_bench(two, precision, [seconds])
        warehouses.add_bench(two, precision, [seconds], stage="single", batch=1)
    found = rows(two, "from cost_curve where measure = 'recall' and k = 10")
    assert {row["run_id"]: (row["best_bytes"], row["best_latency"]) for row in found} == {
        "fp32": (False, False), "int8": (False, True), "int4": (True, False),
    }  # fmt: skip


@pytest.mark.slow
def test_a_warehouse_older_than_benches(two, tmp_path):
    (tmp_path / "benches" / "_anchor.parquet").unlink()
    assert rows(two, "from benches") == []
    assert len(rows(two, "from speed")) == 3
    warehouses.add_bench(two, "int8", [0.5])
    assert [row["precision"] for row in rows(two, "from benches")] == ["int8"]
