"""Every check finds nothing in a sound warehouse, and finds the fault planted for it."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest

from cmr.sqlfiles import view_names
from cmr.views import connect
from cmr.warehouse.schemas import EMBEDDING_SETS
from tests import warehouses

SIZE = 12


@pytest.fixture
def sound(tmp_path):
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(60, 30))
    relevance = np.zeros((60, 30), dtype=int)
    relevance[np.arange(60), np.arange(60) % 30] = 1
    order = rng.random(scores.shape)
    order[relevance > 0] = 2
    pool = np.argsort(np.argsort(order, axis=1), axis=1) < SIZE - 1
    warehouse = warehouses.new(tmp_path)
    warehouses.add_dataset(warehouse, "d", relevance)
    warehouses.add_run(
        warehouse,
        "r",
        "d",
        scores,
        relevance,
        pools={(SIZE, 0): pool | (relevance > 0)},
        visual_set="native",
    )
    lifted = {"dim": 16, "dim_method": "lift", "visual_set": "lifted", "started_at": warehouses.NOW}
    warehouses.add_run(warehouse, "s", "d", scores, relevance, **lifted)
    for set_id, parent, dim in (("native", None, 8), ("lifted", "native", 16)):
        row = {"set_id": set_id, "parent": parent, "dim": dim, "files": []}
        warehouse.commit(EMBEDDING_SETS, set_id, dict.fromkeys(EMBEDDING_SETS.schema.names) | row)
    return tmp_path


def findings(root):
    con = connect(str(root))
    return {name: len(con.execute(f"from {name}").fetchall()) for name in view_names("checks")}


def spoil(root, table, change):
    """Rewrite a table's one data file with `change` applied to its rows."""
    path = next(p for p in (root / table).rglob("*.parquet") if not p.name.startswith("_"))
    old = pq.ParquetFile(path).read()
    rows = old.to_pylist()
    pq.write_table(old.schema.empty_table().from_pylist(change(rows), schema=old.schema), path)


def first(**values):
    return lambda rows: [rows[0] | values, *rows[1:]]


def biased(rows):
    """Pools that hold none of the competitors."""
    return [row | {"above": 0} for row in rows]


def moved(row):
    """Eight places away."""
    return row | {"above": row["above"] + (8 if row["above"] < 15 else -8)}


FAULTS = {
    "check_ranks_keys": ("ranks", lambda rows: [*rows, rows[0]]),
    "check_sampled_keys": ("sampled_ranks", lambda rows: [*rows, rows[0]]),
    "check_ranks_judged": ("ranks", first(item_id="v29")),
    "check_qrels_items": ("qrels", lambda rows: [*rows, rows[0] | {"text_id": "t999"}]),
    "check_ranks_range": ("ranks", first(above=30)),
    "check_ranks_known": ("ranks", first(above=None, tied=None)),
    "check_sampled_range": ("sampled_ranks", first(above=SIZE)),
    "check_every_query": ("ranks", lambda rows: rows[1:]),
    "check_sampled_against_expected": ("sampled_ranks", biased),
    "check_runs_agree": ("ranks", first(relevants=2)),
    "check_lift_agrees": ("ranks", lambda rows: [moved(rows[0]), *rows[1:]]),
}


def test_sound_warehouse(sound):
    assert set(findings(sound).values()) == {0}


@pytest.mark.parametrize("name", FAULTS)
def test_finds_its_fault(sound, name):
    table, change = FAULTS[name]
    spoil(sound, table, change)
    assert findings(sound)[name] > 0


def test_every_check_has_a_planted_fault(sound):
    """metrics has one row a key by construction, so its check is shown on a doubled run."""
    run = sound / "runs" / "r.parquet"
    (sound / "runs" / "copy.parquet").write_bytes(run.read_bytes())
    assert findings(sound)["check_metrics_keys"] > 0
    shown_elsewhere = {"check_metrics_keys", "check_files_exist"}
    assert set(FAULTS) | shown_elsewhere == set(view_names("checks"))


def test_a_missing_file_is_found(sound):
    next(p for p in (sound / "timings").rglob("*.parquet") if not p.name.startswith("_")).unlink()
    assert findings(sound)["check_files_exist"] == 1
