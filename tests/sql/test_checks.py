"""Every check finds nothing in a sound warehouse, and finds the fault planted for it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from cmr.sqlfiles import view_names
from cmr.views import connect
from cmr.warehouse.schemas import DATASETS, EMBEDDING_SETS, RUNS
from cmr.warehouse.store import Store
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
        folds=2,
    )
    expanded = {
        "dim": 16,
        "dim_method": "expand",
        "visual_set": "expanded",
        "started_at": warehouses.NOW,
    }
    warehouses.add_run(warehouse, "s", "d", scores, relevance, **expanded)
    for set_id, parent, dim in (("native", None, 8), ("expanded", "native", 16)):
        row = {"set_id": set_id, "parent": parent, "dim": dim, "files": []}
        warehouse.commit(EMBEDDING_SETS, set_id, dict.fromkeys(EMBEDDING_SETS.schema.names) | row)
    return tmp_path


def findings(root, names=None):
    names = names or view_names("checks")
    con = connect(str(root), " ".join(names))
    return {name: len(con.execute(f"from {name}").fetchall()) for name in names}


def spoil(root, table, change):
    """Commit a data file of a table anew with `change` applied to its rows: wrong, not damaged."""
    warehouse = Store.open(str(root))
    catalogue = DATASETS if table == "qrels" else RUNS
    row = next(
        row
        for row in warehouse.catalogue(catalogue)
        if any(name.startswith(f"{table}/") for name in row["files"])
    )
    file = next(name for name in row["files"] if name.startswith(f"{table}/"))
    warehouses.rewrite(warehouse, catalogue, row, file, change)


def first(**values):
    return lambda rows: [rows[0] | values, *rows[1:]]


def thinned(rows):
    """Pools from which a fifth of the competitors was dropped."""
    rng = np.random.default_rng(1)
    return [row | {"above": int(rng.binomial(row["above"], 0.8))} for row in rows]


def of_another_size(rows):
    """Pools of 9 that are called pools of 12."""
    rng = np.random.default_rng(2)
    return [
        row | {"above": int(rng.hypergeometric(row["above"], SIZE - 1 - row["above"], 8))}
        for row in rows
    ]


def shifted(rows):
    """Every pool with a competitor more before the relevant item, where it can have one."""
    return [row | {"above": min(row["above"] + 1, SIZE - 1)} for row in rows]


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
    "check_sampled_against_expected": ("sampled_ranks", thinned),
    "check_pools_range": ("sampled_ranks", first(candidates=31)),
    "check_runs_agree": ("ranks", first(relevants=2)),
    "check_held_out": ("held_out_ranks", first(relevants=2)),
    "check_expand_agrees": ("ranks", lambda rows: [moved(rows[0]), *rows[1:]]),
}


@pytest.mark.slow
def test_sound_warehouse(sound):
    assert set(findings(sound).values()) == {0}


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_finds_its_fault(sound, name):
    table, change = FAULTS[name]
    spoil(sound, table, change)
    assert findings(sound, [name])[name] > 0


@pytest.mark.slow
@pytest.mark.parametrize("change", [of_another_size, shifted])
def test_pools_that_are_not_uniform(sound, change):
    spoil(sound, "sampled_ranks", change)
    found = connect(str(sound)).execute("select measure from check_sampled_against_expected")
    assert ("above",) in found.fetchall()


@pytest.mark.slow
def test_one_unknown_value_hides_no_other(sound):
    """Of a run that returned lists some ranks are unknown; the others are compared all the same."""

    def last(rows):
        return first(above=None, tied=None)([row | {"above": SIZE - 1} for row in rows])

    spoil(sound, "sampled_ranks", last)
    found = connect(str(sound)).execute("select measure from check_sampled_against_expected")
    assert {("above",), ("recall",)} <= set(found.fetchall())


def test_sizes_that_no_pool_can_have(sound):
    """In what is shown, and in the catalogue: more than the gallery of 30, or never drawn."""
    warehouse = Store.open(str(sound))
    row = warehouse.find(RUNS, "r")
    warehouse.commit(RUNS, "r", {**row, "sampled_candidates": [SIZE, 20, 31]})
    con = connect(str(sound))
    con.execute(
        "create temp table metrics as select * from (values ('r', 'full', 30), ('r', 'full', 29), "
        "('r', 'expected', 0), ('r', 'expected', 1), ('r', 'expected', 31), ('r', 'sampled', 12), "
        "('?', 'expected', 12)) as t(run_id, protocol, candidates)"
    )
    found = con.execute("select found_in, run_id, candidates from check_pools_range order by all")
    assert found.fetchall() == [
        ("metrics", "?", 12), ("metrics", "r", 0), ("metrics", "r", 29), ("metrics", "r", 31),
        ("runs", "r", 20), ("runs", "r", 31),
    ]  # fmt: skip


WRONG = {
    "recall": [
        {"value": 1.01}, {"value": -0.01}, {"value": None}, {"value": float("nan")},
        {"chance": None}, {"chance": 0.0}, {"chance": 1.01}, {"lift": None}, {"lift": 1e4},
        {"ci_low": None}, {"ci_high": None}, {"ci_low": 1.0}, {"ci_high": 0.0},
        {"ci_low": -0.01}, {"ci_high": 1.01},
    ],
    "mrr": [{"value": 1.5, "lift": None}, {"value": 1.5}],
    "mean_rank": [{"value": 0.5}, {"value": 31.0}, {"chance": 0.5}, {"ci_low": 0.5}],
}  # fmt: skip


@pytest.mark.slow
def test_figures_that_cannot_be(sound):
    con = connect(str(sound))
    table = con.execute("from metrics").to_arrow_table()
    rows = table.to_pylist()
    for measure, changes in WRONG.items():
        at = next(
            at for at, row in enumerate(rows)
            if row["measure"] == measure and row["protocol"] == "full" and row["k"] in (None, 5)
        )  # fmt: skip
        for change in changes:
            spoiled = [*rows[:at], rows[at] | change, *rows[at + 1 :]]
            con.register("metrics", table.from_pylist(spoiled, schema=table.schema))
            found = con.execute("select measure, k from check_metrics_range").fetchall()
            assert found == [(measure, rows[at]["k"])], change


@pytest.mark.slow
def test_every_check_has_a_planted_fault(sound):
    """metrics has one row a key by construction, so its check is shown on a doubled table."""
    con = connect(str(sound))
    table = con.execute("from metrics").to_arrow_table()
    con.register("metrics", pa.concat_tables([table, table]))
    found = con.execute("select count(*), min(times) from check_metrics_keys").fetchall()
    assert found == [(table.num_rows, 2)]
    shown_elsewhere = {
        "check_metrics_keys", "check_metrics_range", "check_files_exist", "check_ranks_cases",
    }  # fmt: skip
    assert set(FAULTS) | shown_elsewhere == set(view_names("checks"))


def test_a_missing_file_is_found(sound):
    next(p for p in (sound / "timings").rglob("*.parquet") if not p.name.startswith("_")).unlink()
    assert findings(sound, ["check_files_exist"]) == {"check_files_exist": 1}
