"""Figures by the cases that ranks number are those without them, and wrong numbers are found."""

from __future__ import annotations

import shutil

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner

import cmr as package
from cmr.cli.main import main
from cmr.views import connect
from cmr.warehouse.schemas import CASES, RUNS, Table
from cmr.warehouse.store import Store

pytestmark = pytest.mark.slow

TEXTS, VISUALS, DIM = 60, 24, 12
QUESTIONS = (
    "metrics", "earned_metrics", "metrics_at(7)", "metrics_at(3, held_out := true)",
    "metrics_for(16, 4)", "growth", "per_query", "retention", "recommend(retain := 0.9)",
    "differences", "metrics_by('captions')", "check_sampled_against_expected",
)  # fmt: skip
TABLES = ("ranks", "held_out_ranks", "sampled_ranks", "evidence")


def run(*args):
    done = CliRunner().invoke(main, [*map(str, args)])
    assert done.exit_code == 0, done.stderr


@pytest.fixture(scope="module")
def rich(tmp_path_factory):
    """Ties, graded judgments, texts with several visuals, several draws, folds, and lists."""
    folder = tmp_path_factory.mktemp("rich")
    rng = np.random.default_rng(3)
    # Few distinct vectors, so that many clusters have the same ranks.
    visuals = rng.integers(0, 2, (VISUALS, DIM)) - 0.5
    visuals[VISUALS // 2 :] = visuals[: VISUALS // 2]
    first = np.arange(TEXTS) * VISUALS // TEXTS
    texts = visuals[first] + rng.integers(0, 2, (TEXTS, DIM)) * (rng.random((TEXTS, 1)) < 0.4)
    root = folder / "w"
    package.open(str(root), create=True).ingest_arrays(
        texts.astype(np.float32), visuals.astype(np.float32), first, dataset="d", model="m",
        text_ids=[f"t{n:02}" for n in range(TEXTS)],
        visual_ids=[f"v{n:02}" for n in range(VISUALS)],
    )  # fmt: skip
    more = [(f"t{n:02}", f"v{first[n]:02}", 1 + (n % 5 == 0)) for n in range(TEXTS)]
    more += [(f"t{n:02}", f"v{(first[n] + 7) % VISUALS:02}", 1 + n % 3) for n in range(0, TEXTS, 3)]
    (folder / "graded.trec").write_text("".join(f"{t} 0 {v} {r}\n" for t, v, r in more))
    run("ingest", "qrels", folder / "graded.trec", "--name", "graded", "-w", root)
    shared = ("--candidates", "8,16", "--draws", "2", "-w", root)
    for qrels in ("default", "graded"):
        run("evaluate", "--dims", "8,12", "--precisions", "fp32,b1", "--qrels", qrels, *shared)
    return root


@pytest.fixture(scope="module")
def known(rich):
    """What is said of it, for tests of copies of it."""
    return answers(connect(str(rich)))


@pytest.fixture(scope="module")
def shared(rich):
    return connect(str(rich))


@pytest.fixture
def con(shared):
    """One connection for all faults, each of which is taken back."""
    shared.begin()
    yield shared
    shared.rollback()


def answers(con):
    return {
        name: con.execute(f"select * from {name} order by all").fetchall() for name in QUESTIONS
    }


def assert_same(found, known):
    """The end of an interval is a difference of nearly equal sums where a mean is nearly 1."""
    for name in QUESTIONS:
        assert len(found[name]) == len(known[name]), name
        assert len(known[name]) > 0 or name.startswith("check_")
        for mine, theirs in zip(found[name], known[name], strict=True):
            # Most are the same to the bit, and `approx` takes its time.
            for x, y in () if mine == theirs else zip(mine, theirs, strict=True):
                if isinstance(x, float) and isinstance(y, float):
                    assert x == pytest.approx(y, abs=1e-9, rel=1e-12, nan_ok=True), (mine, theirs)
                else:
                    assert x == y, (mine, theirs)


def ask_again(con, numbered):
    """The answers where nothing was stored, with or without the ranks' numbers."""
    con.execute(f"set variable cmr_numbered = {numbered}")
    return answers(con)


def test_the_same_with_and_without_the_numbers(rich):
    con = connect(str(rich))
    for table in ("ranks", "sampled_ranks", "held_out_ranks"):
        shown = f"select count(*) filter (alike = 0), count(*) filter (case_pairs = 0) from {table}"
        assert min(con.execute(shown).fetchone()) > 0
    assert con.execute("select getvariable('cmr_numbered')").fetchone() == (True,)
    numbered, alike = answers(con), ask_again(con, False)
    for table in TABLES:
        con.execute(
            f"create or replace temp table plain as select * replace (null as case_no, "
            f"null as case_pairs, null as alike) from {table}"
        )
        con.execute(f"create or replace temp table plain_{table} as from plain")
        con.execute(f"create or replace temp view {table} as from plain_{table}")
    plain = answers(con)
    assert_same(numbered, plain)
    assert_same(alike, plain)


def test_runs_of_earlier_versions_beside_others(rich, known, tmp_path):
    """A run without the columns is no other because of the ones beside it, nor are they."""
    root = tmp_path / "w"
    shutil.copytree(rich, root)
    warehouse = Store.open(str(root))
    row = warehouse.catalogue(RUNS)[0]
    files = []
    for name in row["files"]:
        table, *_ = name.split("/")
        if table.endswith("ranks"):
            rows = warehouse.storage.read(name).drop_columns(["case_no", "case_pairs", "alike"])
            keys = {"run_id": row["run_id"]}
            name = warehouse.write(Table(table, ("run_id",), rows.schema), keys, [rows])
        files.append(name)
    warehouse.commit(RUNS, row["run_id"], {**row, "files": files, "has_cases": None})
    con = connect(str(root))
    assert con.execute("select getvariable('cmr_numbered')").fetchone() == (False,)
    assert_same(answers(con), known)


def test_lists_tell_clusters_apart(rich, known, tmp_path):
    root = tmp_path / "w"
    shutil.copytree(rich, root)
    run("evaluate", "--scorer", "usearch-hnsw", "--dims", "12", "--precisions", "fp32", "-w", root)
    con = connect(str(root))
    assert con.execute("select getvariable('cmr_numbered')").fetchone() == (False,)
    listed = "(select run_id from runs where list_length is not null)"
    for table in ("ranks", "evidence"):
        assert con.execute(
            f"select distinct alike from {table} where run_id in {listed}"
        ).fetchall() == [(1,)]
    found = con.execute(
        f"select k, value from metrics where measure = 'ann_recall' and run_id in {listed}"
    ).fetchall()
    query = f"""
        select k, avg(value) from per_query
        where measure = 'ann_recall' and run_id in {listed} group by run_id, k
    """
    assert np.array(sorted(found)) == pytest.approx(np.array(sorted(con.execute(query).fetchall())))
    rest = f"from metrics where run_id not in {listed} order by all"
    assert con.execute(rest).fetchall() == known["metrics"]


def moved(rows, column, at, to, by):
    """`by` of a column taken from some rows and given to others."""
    values = rows[column].copy()
    values[at] -= by
    values[to] += by
    return {column: values}


def split(rows):
    """A case on two pairs, with the right sum."""
    at = np.flatnonzero(rows["case_pairs"] > 1)[0]
    to = np.flatnonzero((rows["case_no"] == rows["case_no"][at]) & (rows["case_pairs"] == 0))[0]
    return moved(rows, "case_pairs", at, to, 1)


def left_out(rows):
    """A case on a pair of a cluster that is not summed."""
    for at in np.flatnonzero(rows["case_pairs"]):
        to = np.flatnonzero((rows["case_no"] == rows["case_no"][at]) & (rows["alike"] == 0))
        if len(to):
            return moved(rows, "case_pairs", at, to[0], rows["case_pairs"][at])
    raise AssertionError("every cluster is the first of its like")


def of_another(rows):
    """A pair with the number of other counts."""
    other = rows["case_no"].max() if rows["case_no"][0] == 0 else 0
    return {"case_no": np.where(np.arange(len(rows["case_no"])) == 0, other, rows["case_no"])}


def counted_twice(rows):
    """A cluster that is summed beside the one that stands for it."""
    extra = rows["cluster"] == rows["cluster"][np.flatnonzero(rows["alike"] == 0)[0]]
    return {"alike": np.where(extra, 1, rows["alike"])}


def partly(rows):
    """A cluster that is summed but for one pair."""
    cluster = rows["cluster"][rows["alike"] > 0]
    names, pairs = np.unique(cluster, return_counts=True)
    at = np.flatnonzero(rows["cluster"] == names[pairs > 1][0])[0]
    return {"alike": np.where(np.arange(len(rows["alike"])) == at, 0, rows["alike"])}


def composed(rows):
    """The cases add up, but of other clusters: one stands for two with half of its cases each."""
    cases = {
        name: sorted(rows["case_no"][rows["cluster"] == name])
        for name in np.unique(rows["cluster"])
    }
    shown = {
        tuple(cases[name]): name for name in cases if rows["alike"][rows["cluster"] == name][0]
    }
    for case, name in shown.items():
        half = shown.get(case[: len(case) // 2])
        if half is not None and case == case[: len(case) // 2] * 2:
            alike = rows["alike"].copy()
            alike[rows["cluster"] == name] -= 1
            alike[rows["cluster"] == half] += 2
            return {"alike": alike}
    return None


def unknown(column):
    """Some rows without a number."""
    return lambda rows: {
        column: np.where(rows["cluster"] == rows["cluster"][0], None, rows[column])
    }


FAULTS = [split, left_out, of_another, counted_twice, partly, composed]
FAULTS += [unknown("case_no"), unknown("case_pairs"), unknown("alike")]


@pytest.mark.parametrize("table", ["ranks", "held_out_ranks", "sampled_ranks"])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__qualname__)
def test_wrong_numbers_are_found(con, table, fault):
    """Of one run, at one size of pools."""
    assert con.execute("from check_ranks_cases").fetchall() == []
    one = "where candidates = 8" if table == "sampled_ranks" else ""
    spoilt = None
    for (run_id,) in con.execute(f"select distinct run_id from {table} order by all").fetchall():
        mine = f"run_id = '{run_id}' {one.replace('where', 'and')}"
        rows = con.execute(f"from {table} where {mine}").to_arrow_table()
        spoilt = fault({name: rows[name].to_numpy() for name in (*CASES, "cluster")})
        if spoilt:
            break
    if not spoilt:
        pytest.skip("no cluster has another's cases twice")
    for name, values in spoilt.items():
        rows = rows.set_column(rows.column_names.index(name), name, pa.array(values, pa.int64()))
    con.register("_rows", rows)
    con.execute(f"create temp table spoilt as from _rows union all from {table} where not ({mine})")
    con.execute(f"create or replace temp view {table} as from spoilt")
    found = con.execute("select distinct found_in, run_id from check_ranks_cases").fetchall()
    assert found == [(table, run_id)]
