"""Every question plans in few steps, over warehouses of this version and of earlier ones."""

from __future__ import annotations

import json
import shutil

import pytest

from cmr.answers import fetch
from cmr.materialised import prepare
from cmr.sqlfiles import views
from cmr.views import _OF_BENCHES, _OF_OLDER, connect
from cmr.warehouse.schemas import RUNS
from cmr.warehouse.store import Store

pytestmark = pytest.mark.slow

STEPS, SCANS, DEEP = 150, 12, 5


def questions(con):
    ids = fetch(con, "select run_id from runs where direction = 't2v' order by all")["run_id"]
    a, b = ids.to_pylist()[:2]
    named = {
        view.name: f"from {view.name}"
        for view in views()
        if view.layer in ("marts", "checks", "doubts")
    }
    return named | {
        "metrics_at": "from metrics_at(7)",
        "metrics_for": "from metrics_for(12, 7)",
        "compare": f"from compare('{a}', '{b}')",
        "compare over pools": f"from compare('{a}', '{b}', pools := 'sampled')",
        "compare, expected": f"from compare('{a}', '{b}', pools := 'expected')",
        "compare_runs": f"from compare_runs(['{a}', '{b}'])",
        "quantizer_gains": f"from quantizer_gains(['{a}', '{b}'])",
        "rank_flips": f"from rank_flips('{a}', '{b}')",
        "metrics_by": "from metrics_by('captions', held_out := true)",
        "compare_by": f"from compare_by('{a}', '{b}', 'captions')",
        "retention_by": "from retention_by('captions')",
        "recommend_by": "from recommend_by('captions')",
        "flip_words": f"from flip_words('{a}', '{b}')",
        "recommend": "from recommend()",
        "recommend, across": "from recommend(across := true)",
        "costs": "from costs(1e6, 100, 50, 16, 128, 700)",
    }


def plan(con, query):
    """(steps, Parquet scans) of a query."""
    ((_, text),) = con.execute(f"explain (format json) {query}").fetchall()

    def walk(node):
        yield node["name"].strip()
        for child in node.get("children", []):
            yield from walk(child)

    names = [name for root in json.loads(text) for name in walk(root)]
    return len(names), sum("PARQUET" in name for name in names)


@pytest.fixture
def evaluated(evaluated_once):
    return evaluated_once("--dims", "8,16", "--precisions", "fp32,int8", "--candidates", "10,20")


@pytest.mark.parametrize("earlier", [False, True])
def test_steps_and_scans(evaluated, tmp_path, earlier):
    warehouse = Store.open(str(evaluated))
    if earlier:
        shutil.copytree(evaluated, tmp_path / "earlier")
        warehouse = Store.open(str(tmp_path / "earlier"))
        for row in warehouse.catalogue(RUNS):
            warehouse.commit(
                RUNS, row["run_id"], {**row, "most_relevants": None, "has_cases": None}
            )
    con = connect(warehouse.root)
    asked = questions(con)
    prepare(con, warehouse, "; ".join(asked.values()))
    found = {"metrics, computed": plan(connect(warehouse.root), "from metrics")}
    found |= {name: plan(con, query) for name, query in asked.items()}
    # The runs of earlier versions have another table of facts to look into.
    most = STEPS + (20 if earlier else 0)
    assert {name: steps for name, (steps, _) in found.items() if steps > most} == {}
    assert {name: scans for name, (_, scans) in found.items() if scans > SCANS} == {}


@pytest.mark.parametrize(
    ("numbered", "which", "scans", "most_scans", "fewer"),
    [
        (False, "full", 2, 3, 10),
        (False, "sampled", 1, 3, 10),
        (False, "growth", 1, 3, 10),
        # Those with numbered cases are read twice, for the cases and for the pairs. No lists are
        # planned for beside them.
        (True, "full", 2, 4, 10),
        (True, "sampled", 2, 4, 10),
        (True, "growth", 2, 4, 5),
    ],
)
def test_what_arguments_rule_out_is_not_planned(
    evaluated, numbered, which, scans, most_scans, fewer
):
    """Of ranks, drawn pools and hits, only those it needs; nor odds, where no pool is expected."""
    con = connect(str(evaluated))
    con.execute(f"set variable cmr_numbered = {numbered}")
    most, all_of_them = plan(con, "from sums('asked', null, null)")
    steps, found = plan(con, f"from sums('{which}', null, null)")
    assert (found, all_of_them) == (scans, most_scans)
    assert steps < most - fewer


def test_of_two_comparisons_one_is_planned(evaluated):
    con = connect(str(evaluated))
    prepare(con, Store.open(str(evaluated)), "from recommend()")
    assert plan(con, "from recommend()")[0] < plan(con, "from retention")[0] + 15
    assert plan(con, "from recommend(across := true)")[0] > plan(con, "from retention")[0] + 15


@pytest.mark.parametrize("name", [*_OF_BENCHES, *_OF_OLDER])
def test_a_table_without_rows_is_what_its_view_says(evaluated, name):
    """Nothing was measured here and no run is from an earlier version, so no view was asked."""
    con = connect(str(evaluated))
    assert con.execute(f"from memory.main.{name}").fetchall() == []
    assert con.execute(f"from temp.{name}").fetchall() == []
    columns = con.execute(f"describe memory.main.{name}").fetchall()
    assert con.execute(f"describe temp.{name}").fetchall() == columns


def test_depth(evaluated):
    """What is not a table of the connection is at most so many views and table macros deep."""
    con = connect(str(evaluated))
    told = con.execute("select name, reads from cmr_reads").fetchall()
    reads = {name: set(others) for name, others in told}
    tables = {
        name
        for (name,) in con.execute(
            "select table_name from duckdb_tables() where database_name = 'temp'"
        ).fetchall()
    }
    scalar = {
        name
        for (name,) in con.execute(
            "select function_name from duckdb_functions() where function_type = 'macro'"
        ).fetchall()
    }

    def depth(name):
        if name in tables or name in scalar:
            return 0
        return 1 + max((depth(other) for other in reads[name] if other in reads), default=0)

    assert {name: depth(name) for name in reads if depth(name) > DEEP} == {}


def test_null_is_the_default(evaluated):
    """An argument that chooses is not half of each: the figures and their labels agree."""
    con = connect(str(evaluated))
    a, b = questions(con)["compare"].split("'")[1:4:2]
    for query, name in (
        ("from metrics_at(7, {})", "held_out"),
        ("from metrics_by('captions', {})", "held_out"),
        ("from recommend({})", "across"),
        (f"from compare('{a}', '{b}', {{}})", "in_sample"),
        (f"from compare('{a}', '{b}', {{}})", "pools"),
        (f"from compare_runs(['{a}', '{b}'], {{}})", "in_sample"),
        (f"from compare_by('{a}', '{b}', 'captions', {{}})", "in_sample"),
    ):
        unknown, plain = (
            con.execute(f"{query.format(f'{name} := {value}')} order by all").fetchall()
            for value in ("null", "'full'" if name == "pools" else "false")
        )
        assert unknown == plain, query
        assert plain, query
