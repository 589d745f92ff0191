"""Figures by the cases that ranks number are those without them, and wrong numbers are found."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from click.testing import CliRunner

import cmr as package
from cmr.cli.main import main
from cmr.views import connect
from cmr.warehouse.schemas import RUNS, Table
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
        run("evaluate", "--dims", "8,12", "--precisions", "fp32,int4,b1", "--qrels", qrels, *shared)
    return root


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
            for x, y in zip(mine, theirs, strict=True):
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


def test_runs_of_earlier_versions_beside_others(rich, tmp_path):
    """A run without the columns is no other because of the ones beside it, nor are they."""
    root = tmp_path / "w"
    shutil.copytree(rich, root)
    warehouse, known = Store.open(str(root)), answers(connect(str(rich)))
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


def test_lists_tell_clusters_apart(rich, tmp_path):
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
    assert (
        con.execute(rest).fetchall()
        == connect(str(rich)).execute("from metrics order by all").fetchall()
    )


@pytest.mark.parametrize("table", ["ranks", "held_out_ranks", "sampled_ranks"])
@pytest.mark.parametrize("column", ["case_no", "case_pairs", "alike", "above"])
def test_wrong_numbers_are_found(rich, tmp_path, table, column):
    con = connect(str(rich))
    assert con.execute("from check_ranks_cases").fetchall() == []
    spoilt = f"case when query_id = 't00' then {column} + 1 else {column} end as {column}"
    con.execute(f"create temp table spoilt as select * replace ({spoilt}) from {table}")
    con.execute(f"create or replace temp view {table} as from spoilt")
    found = con.execute("select distinct found_in from check_ranks_cases").fetchall()
    assert found == [(table,)]
