"""What a question reads, by DuckDB's parser."""

from __future__ import annotations

import duckdb
import pytest

from cmr.references import closure, graph, names_in

READ = {
    "select 1 as metrics, 'retention' as b": set(),
    "from Metrics as m join runs using (run_id)": {"metrics", "runs"},
    "from metrics_at(7)": {"metrics_at"},
    "from query_table('metrics')": {"metrics"},
    "from query_table(['ranks', 'HITS'])": {"ranks", "hits"},
    "from query_table(case when 1 < 2 then 'runs' else 'ranks' end) as hits": {"runs", "ranks"},
    "from query_table(case when 'hits' = 'ranks' then 'runs' else 'metrics' end)": {
        "runs",
        "metrics",
    },
    "from query_table(?)": set(),
    "with a as (from query_table('runs')) select 'metrics' from a, ranks": {"runs", "ranks"},
    "from query_table('runs'); from ranks": {"runs", "ranks"},
    # There is no parse of this, so that any word may be a name.
    "pivot runs on model using count(*)": {"runs"},
}
KNOWN = {"metrics", "runs", "ranks", "hits", "retention", "metrics_at"}


@pytest.mark.parametrize("query", READ)
def test_names(query):
    assert names_in(duckdb.connect(), query) & KNOWN == READ[query]


def test_a_macro_reads_what_it_may_choose():
    con = duckdb.connect()
    con.execute("create view runs as select 1 as x")
    con.execute("create view ranks as select 2 as x")
    con.execute("create view hits as select 'ranks' as x")
    con.execute(
        "create macro one(big := false, hits := 1) as table "
        "from query_table(case when big then 'runs' else 'ranks' end) where x <> 'hits'"
    )
    reads = graph(con, {"runs": "select 1", "ranks": "select 2", "hits": "select 'ranks' as x"})
    assert reads["one"] == {"runs", "ranks"}
    assert closure(reads, ["one"]) == {"one", "runs", "ranks"}
