"""What every run found for every query, small enough to be in the page, which then pairs any two.

The values are those of `compare` over the whole gallery. A query's values in a run, at all measures
and K, are a state; a run is one state per query, and the states are listed once.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cmr.answers import fetch, quoted
from cmr.decimals import STEADY
from cmr.report import named
from cmr.rows import Row

if TYPE_CHECKING:
    import duckdb

MEASURES = ("recall", "hit_rate", "ndcg", "mrr")
# Characters of a query's text.
LONGEST = 110


def query_values(
    con: duckdb.DuckDBPyConnection, runs: Sequence[Row], several_models: bool
) -> dict[str, Any]:
    """All runs of one data set, judgments and direction that rank the whole gallery, packed.

    `runs`: rows of the view runs. `values` are float64, a column for each of `keys` (measure and
    K, or `rank` of the first relevant item), `states` are uint32, a row for each run, and
    `clusters` uint32; each compressed, in base64.
    """
    ids = [run["run_id"] for run in runs]
    listed = ", ".join(map(quoted, ids))
    ((cutoffs,),) = con.execute(
        "select list_sort(list_distinct(flatten(list(cutoffs(null, ks))))) from runs "
        f"where run_id in ({listed})"
    ).fetchall()
    keys: list[tuple[str, int | None]] = [
        (name, k) for name in MEASURES for k in (cutoffs if name != "mrr" else [None])
    ]
    names = [f"{name}_{k}" for name, k in keys]
    picked = ", ".join(
        f"max(value) filter (measure = {quoted(name)} and k is not distinct from "
        f"{'null' if k is None else k}) as {called}"
        for (name, k), called in zip(keys, names, strict=True)
    )
    rows = fetch(
        con,
        f"""
        with found as (
            select run_id, query_id, min(cluster) as cluster, {picked}
            from values_of('full', of_runs := [{listed}], held_out := true)
            group by run_id, query_id
        )
        select found.*, first_ranks.rank
        from found
        left join (select run_id, query_id, rank from first_ranks where run_id in ({listed}))
            as first_ranks using (run_id, query_id)
        order by query_id, run_id
        """,
    )
    queries, place = np.unique(rows["query_id"].to_numpy(zero_copy_only=False), return_inverse=True)
    table = np.column_stack(
        [rows[name].to_numpy(zero_copy_only=False).astype(float) for name in [*names, "rank"]]
    )
    # Last digits depend on the order in which threads add.
    table = np.round(table, STEADY) + 0.0
    values, state = np.unique(table, axis=0, return_inverse=True)
    by_id = {run_id: at for at, run_id in enumerate(ids)}
    run_at = np.array([by_id[run_id] for run_id in rows["run_id"].to_pylist()], dtype=int)
    # State 0 is that the run lacks the query.
    states = np.zeros((len(ids), len(queries)), dtype="<u4")
    states[run_at, place] = state.reshape(-1) + 1
    cluster = np.zeros(len(queries), dtype="<u4")
    cluster[place] = rows["cluster"].to_numpy()
    ((t,),) = con.execute(f"select t_quantile({len(np.unique(cluster))})").fetchall()
    return {
        "keys": [*keys, ("rank", None)],
        "runs": ids,
        "names": [_name(run, several_models) for run in runs],
        "learnt": [run["run_id"] for run in runs if run["evidence_fit"] == "in-sample"],
        "queries": queries.tolist(),
        "texts": _texts(con, runs[0], queries.tolist()),
        "t": t,
        "values": _packed(np.ascontiguousarray(values.T, dtype="<f8")),
        "states": _packed(states),
        "clusters": _packed(cluster),
    }


def _name(run: Row, several_models: bool) -> str:
    said = named.representation(run)
    return f"{run['model']} {said}" if several_models else said


def _texts(con: duckdb.DuckDBPyConnection, run: Row, queries: Sequence[str]) -> str:
    """The queries' texts, or their pictures' first captions, in order."""
    data = quoted(run["dataset"])
    texts = f"select item_id, text, ordinal from items where dataset = {data} and modality = 'text'"
    if run["direction"] == "t2v":
        sql = f"select item_id as query_id, text from ({texts})"
    else:
        sql = f"""
            select visual_id as query_id, arg_min(texts.text, texts.ordinal) as text
            from qrels inner join ({texts}) as texts on texts.item_id = qrels.text_id
            where dataset = {data} and relevance > 0 group by visual_id"""
    found = {row["query_id"]: row["text"] for row in fetch(con, sql).to_pylist()}
    return _squeezed(json.dumps([(found.get(name) or name)[:LONGEST] for name in queries]).encode())


def _packed(values: np.ndarray[Any, Any]) -> str:
    return _squeezed(values.tobytes())


def _squeezed(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data, 9)).decode()


def size(found: Mapping[str, Any]) -> int:
    """Approximate bytes that it takes in the page."""
    return len(json.dumps(found))
