"""`cmr cost` against plain Python: machines for memory, p99 and throughput, and their money."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from cmr.answers import fetch
from cmr.api.prices import OWN, prices
from cmr.errors import CmrError
from cmr.score.search.scorer_kinds import OWN as SCORERS
from cmr.score.search.scorer_options import every_combination, split
from cmr.views import connect
from tests import warehouses

MACHINE = json.dumps({"name": "fast", "cores": 4})
TOML = """
source = "https://example.org/prices"
date = 2026-01-31
ram_share = 0.5
[[machines]]
name = "small"
vcpus = 8
ram_gib = 16
usd_month = 100
[[machines]]
name = "large"
vcpus = 32
ram_gib = 256
usd_month = 900.5
"""


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """fp32 read exhaustively and int8 by a graph, with 1 and 4 clients; int4 by an older cmr."""
    relevance = np.eye(12, 8, dtype=int)
    relevance[:, 0] = 1
    warehouse = warehouses.new(tmp_path_factory.mktemp("cost") / "w")
    warehouses.add_dataset(warehouse, "d", relevance)
    for precision in ("fp32", "int8", "int4"):
        warehouses.add_run(
            warehouse, precision, "d", relevance.astype(float), relevance, precision=precision,
            vector_bytes=64, text_set=f"t{precision}", visual_set=f"v{precision}", dim=16,
        )  # fmt: skip
    for precision, reads, size in (("fp32", "everything", 64.0), ("int8", "graph", 90.0),
                                   ("int4", None, 8.0)):  # fmt: skip
        for clients, took in ((1, 0.01), (4, 0.005)):
            warehouses.add_bench(
                warehouse, precision, [took], MACHINE, stage="clients", clients=clients,
                reads=reads, index_vector_bytes=size, gallery=8,
            )  # fmt: skip
    return warehouse


def by_hand(items, qps, p99, machine, in_proportion, size):
    """The fewest machines over 1 and 4 clients; took / 10 is each latency, 10 / took the rate."""
    found = []
    for took in (0.01, 0.005):
        latency, rate = 1e3 * took / 10, 10 / took
        for_memory = math.ceil(items * size / (machine.ram_gib * 2**30 * 0.5))
        shards = max(1, for_memory)
        if in_proportion:
            shards = max(shards, math.ceil(latency * items / 8 / p99))
        elif latency > p99:
            continue
        work = items / shards / 8 if in_proportion else 1
        found.append(shards * max(1, math.ceil(qps * work * 4 / (rate * machine.vcpus))))
    return min(found) if found else None


@pytest.mark.parametrize(
    ("items", "qps", "p99"), [(8, 10, 50), (10**6, 1000, 50), (10**9, 40000, 1), (500, 9999, 0.7)]
)
def test_machines_by_hand(measured, tmp_path, items, qps, p99):
    path = tmp_path / "p.toml"
    path.write_text(TOML)
    for machine in prices(path).machines:
        query = (
            f"from costs({items}, {qps}, {p99}, {machine.vcpus}, {machine.ram_gib}, "
            f"{machine.usd_month}, ram_share := 0.5)"
        )
        rows = fetch(connect(measured.root, query), query).to_pylist()
        found = {row["precision"]: row for row in rows}
        for precision, in_proportion, size in (("fp32", True, 64), ("int8", False, 90)):
            expected = by_hand(items, qps, p99, machine, in_proportion, size)
            if expected is None:
                assert precision not in found
                continue
            row = found[precision]
            assert row["machines"] == row["shards"] * row["replicas"] == expected
            assert row["usd_month"] == pytest.approx(expected * machine.usd_month)
            assert row["bytes"] == size
            assert row["measured_items"] == 8
        assert "int4" not in found


@pytest.mark.slow
def test_the_command_says_what_it_assumes(measured, tmp_path, cmr):
    path = tmp_path / "p.toml"
    path.write_text(TOML)
    said = cmr("cost", "-w", measured.root, "--items", "1000000", "--qps", "100", "--p99", "50",
               "--prices", path).stdout  # fmt: skip
    words = " ".join(said.split())
    assert "1,000,000 items at 100 queries/s, p99 within 50 ms" in words
    assert "All is measured at 8 items." in words
    assert "https://example.org/prices, 2026-01-31" in words
    assert "times as many items as were measured" in words
    assert "Left out, because it is not known what their searches read" in words
    assert "16 int4 by torch" in words


def test_without_a_measurement_it_stops(evaluated_once, cmr):
    root = evaluated_once("--dims", "40", "--precisions", "fp32", "--protocols", "full")
    said = cmr("cost", "-w", root, "--items", "10", "--qps", "1", code=1).stderr
    assert said == (
        "cmr: no throughput was measured with several clients, so there is nothing to reckon with; "
        "`cmr bench --clients 1,4,16` measures it\n"
    )


def test_own_prices_are_dated_and_sourced():
    own = prices(OWN)
    assert own.source.startswith("https://")
    assert own.machines
    assert all(machine.usd_month > 0 for machine in own.machines)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("source", "sauce", "the source of its prices"),
        ("date = 2026-01-31", "date = 7", "the date of its prices"),
        ("[[machines]]", "[[engines]]", "lists no machines"),
        ("vcpus = 8", "vcpus = 0", "vcpus of small is 0, not a number above 0"),
        ("ram_gib = 16", "ram_gib = true", "ram_gib of small is True"),
        ("usd_month = 100", "", "usd_month of small is None"),
        ("ram_share = 0.5", "ram_share = 5", "more than all of the memory"),
        ('name = "small"', "", "a machine has no name"),
        ("vcpus = 8", "vcpus = ", "is not TOML"),
    ],
)
def test_wrong_prices_are_one_sentence(tmp_path, old, new, said):
    path = tmp_path / "p.toml"
    path.write_text(TOML.replace(old, new))
    with pytest.raises(CmrError) as raised:
        prices(path)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_no_file_is_a_sentence(tmp_path):
    with pytest.raises(CmrError, match="cannot be read"):
        prices(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("scorer", "options", "reads"),
    [
        ("torch", "", "everything"), ("usearch-hnsw", "", "graph"), ("faiss-hnsw", "", "graph"),
        ("faiss-flat", "", "everything"), ("faiss-ivf", "", "lists"), ("faiss-ivfpq", "", "lists"),
        ("faiss-rabitq", "", "everything"), ("faiss", "factory=IVF1024_HNSW32,PQ8", "lists"),
        ("faiss", "factory=OPQ8,HNSW32", "graph"), ("faiss", "factory=PQ8", "everything"),
        ("lancedb", "", "lists"), ("lancedb", "index=ivf-hnsw-sq", "graph"),
        ("lancedb", "index=none", "everything"), ("pgvector", "", "graph"),
        ("pgvector", "index=ivfflat", "lists"), ("pgvector", "index=none", "everything"),
        ("qdrant-edge", "", "everything"), ("qdrant-edge", "graph=always", "graph"),
        ("rabitqlib-ivf", "", "lists"), ("rabitqlib-hnsw", "", "graph"),
        ("sqlite-vec", "", "everything"), ("zvec", "index=ivf-rabitq", "lists"),
        ("zvec", "index=flat", "everything"), ("milvus-lite", "index=ivf-sq8", "lists"),
    ],
)  # fmt: skip
def test_what_a_search_reads(scorer, options, reads):
    kind = SCORERS[scorer]
    (chosen,) = every_combination(scorer, kind.options, split(options))
    assert kind.reads(dict(chosen), 2_000_000) == reads
