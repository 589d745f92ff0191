"""The 95% intervals hold the truth in 93% to 97% of repetitions."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from cmr.score.alike import find_alike
from cmr.views import connect
from cmr.warehouse.schemas import RANKS, RUNS
from tests import warehouses

pytestmark = pytest.mark.slow

REPEATS, VISUALS, TEXTS = 300, 120, 3
GALLERY = 1000


@pytest.fixture(scope="module")
def repeated(tmp_path_factory):
    """Many runs, each a fresh sample of visuals whose three texts find them alike.

    A visual's difficulty decides the ranks of all of its texts: with independent queries assumed,
    the interval would be too short.
    """
    rng = np.random.default_rng(11)
    warehouse = warehouses.new(tmp_path_factory.mktemp("w"))
    warehouses.add_dataset(
        warehouse, "d", np.kron(np.eye(VISUALS, dtype=int), np.ones((TEXTS, 1), dtype=int))
    )
    ease = rng.beta(0.6, 0.6, (REPEATS, VISUALS))
    found = rng.random((REPEATS, VISUALS, TEXTS)) < ease[:, :, None]
    other = found & (rng.random(found.shape) < 0.8)
    for repeat in range(REPEATS):
        for name, hits, precision in (("a", found, "fp32"), ("b", other, "int8")):
            add(warehouse, f"{name}{repeat:05d}", hits[repeat].reshape(-1), precision, repeat)
    return warehouse


def add(warehouse, run_id, hit, precision, seed):
    """A run whose queries have rank 1 or 501."""
    count = len(hit)
    zeros = np.zeros(count, dtype=np.int64)
    columns = {
        "query_id": [f"t{n}" for n in range(count)],
        "item_id": [f"v{n // TEXTS}" for n in range(count)],
        "relevance": np.ones(count, dtype=np.int32),
        "score": np.zeros(count, dtype=np.float32),
        "above": np.where(hit, 0, 500),
        "tied": zeros,
        "relevants_above": zeros,
        "relevants_tied": zeros,
        "relevants": zeros + 1,
        "gallery": zeros + GALLERY,
        "cluster": np.arange(count) // TEXTS,
        "ideal_gains": pa.nulls(count, pa.list_(pa.int32())),
    }
    alike = find_alike(columns["cluster"], [columns["above"]])
    columns |= {
        "case_no": alike.case_no, "case_pairs": alike.case_pairs, "alike": alike.clusters,
    }  # fmt: skip
    table = pa.table(columns).cast(RANKS.schema)
    row = {
        **dict.fromkeys(RUNS.schema.names),
        "run_id": run_id, "dataset": "d", "model": "m", "direction": "t2v", "dim": 8,
        "dim_method": "native", "precision": precision, "scorer": "torch", "seed": seed,
        "qrels": "default",
        "dataset_fingerprint": str(seed), "protocols": ["full"], "candidates": [], "ks": [10],
        "sampled_candidates": [], "draws": 0, "hits": 0, "queries": count, "gallery": GALLERY,
        "most_relevants": 1, "has_cases": True, "vector_bytes": 32 if precision == "fp32" else 8,
        "files": [warehouse.write(RANKS, {"run_id": run_id}, [table])],
        "started_at": warehouses.NOW, "seconds": 1.0,
    }  # fmt: skip
    warehouse.commit(RUNS, run_id, row)


@pytest.fixture(scope="module")
def con(repeated):
    """One connection for all: it reads the rows of all runs first."""
    return connect(repeated.root)


@pytest.fixture(scope="module")
def measured(con):
    query = (
        "select value, ci_low, ci_high, queries from metrics "
        "where measure = 'hit_rate' and k = 10 and starts_with(run_id, 'a')"
    )
    rows = con.execute(query).fetchnumpy()
    assert len(rows["value"]) == REPEATS
    return rows


def test_intervals_of_metrics(measured):
    """The truth is 1/2, the mean of the difficulties."""
    inside = (measured["ci_low"] <= 0.5) & (measured["ci_high"] >= 0.5)
    assert 0.93 < inside.mean() < 0.97


def test_unclustered_intervals_would_be_too_short(measured):
    """What the clustering is for: with independent queries assumed it is well below 95%."""
    value = measured["value"]
    half = 1.96 * np.sqrt(value * (1 - value) / measured["queries"])
    assert (np.abs(value - 0.5) < half).mean() < 0.90


def test_intervals_of_retention(con):
    """The truth is 0.8: the coarser run finds four of five that the finer one finds."""
    query = (
        "select ci_low, ci_high from retention "
        "where measure = 'hit_rate' and k = 10 and starts_with(run_id, 'b')"
    )
    rows = con.execute(query).fetchnumpy()
    inside = (rows["ci_low"] <= 0.8) & (rows["ci_high"] >= 0.8)
    assert len(inside) == REPEATS
    assert 0.93 < inside.mean() < 0.97
