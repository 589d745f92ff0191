"""What `cmr bench` prints at the end: tables of what was measured, and a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from cmr.cli.printed_tables import print_table
from cmr.cli.terminal import say
from cmr.rows import Row

if TYPE_CHECKING:
    import duckdb

_VIEWS = "from speed, latencies, under_load, filtered, encoding, decisions, benches"
_WHO = "direction, dim, dim_method as method, precision, scorer, variant"


def print_bench(warehouse: str, bench_ids: Sequence[str]) -> None:
    """Print speed, latencies by C, encoding, and what the smallest good one costs."""
    from cmr.cli.progress import progress
    from cmr.materialised import open_for
    from cmr.warehouse.store import Store

    con = open_for(Store.open(warehouse), _VIEWS, bar=progress)
    con.register("asked_ids", pa.table({"bench_id": pa.array(list(bench_ids), pa.string())}))
    con.execute(
        "create temp table asked as select contender, index_of, conditions, stage "
        "from int_benched semi join asked_ids using (bench_id)"
    )
    _print_encoding(con)
    _print_speed(con)
    _print_latencies(con)
    _print_load(con)
    _print_filtered(con)
    _print_sentence(con)


def _rows(con: duckdb.DuckDBPyConnection, query: str) -> pa.Table:
    from cmr.answers import fetch

    return fetch(con, query)


def _print(table: pa.Table, title: str) -> None:
    """Print a table if it has rows, without its empty columns."""
    kept = [name for name in table.column_names if table[name].null_count < table.num_rows]
    kept = [name for name in kept if set(table[name].to_pylist()) != {""}]
    if table.num_rows:
        print_table(table.select(kept), title=title)


def _print_encoding(con: duckdb.DuckDBPyConnection) -> None:
    found = _rows(
        con,
        """
        select
            modality, items_per_second as "items/s", slowest, quickest, items, batch, threads,
            peak_bytes / 1048576 as "peak MiB"
        from encoding
        where conditions in (select conditions from asked where stage = 'encode')
        """,
    )
    _print(found, "Encoding, items a second")


def _print_speed(con: duckdb.DuckDBPyConnection) -> None:
    """Print one line per contender, fastest first."""
    found = _rows(
        con,
        f"""
        with mine as (
            select distinct on (contender, conditions) * from speed
            where (contender, conditions) in (
                select (contender, conditions) from asked where stage in ('batch', 'single')
            ) or contender in (select index_of from asked where stage = 'build')
        )
        select
            {_WHO}, vector_bytes as bytes,
            memory_vector_bytes as "in memory", index_vector_bytes as "in index",
            build_seconds as "build s", build_peak_bytes / 1048576 as "build MiB",
            queries_per_second as "queries/s",
            queries_per_second / max(queries_per_second) over () as "of best",
            ann_recall as "ANN recall", search_peak_bytes / 1048576 as "search MiB",
            peak_device_bytes / 1048576 as "device MiB", p50_ms as "p50 ms", p95_ms as "p95 ms",
            p99_ms as "p99 ms",
            case when count(distinct race) over () > 1 then race end as race
        from mine
        order by direction, queries_per_second desc nulls last, p50_ms
        """,
    )
    _print(found, "Speed, memory in bytes a vector")
    races = len(set(found["race"].to_pylist()) - {None})
    if races:
        say(
            f"these come from {races} races: only contenders of the same race took turns; --force "
            "measures everything in one race",
            err=True,
        )


def _print_latencies(con: duckdb.DuckDBPyConnection) -> None:
    """Print percentiles of single-query latency by C, one line per contender."""
    cells = _rows(
        con,
        f"""
        select distinct
            {_WHO}, candidates, gallery, p50_ms, p95_ms, p99_ms
        from latencies
        semi join (from asked where stage = 'single') using (contender, conditions)
        order by direction, dim, precision, scorer, variant, candidates
        """,
    ).to_pylist()
    if len({row["candidates"] for row in cells}) < 2:
        return
    lines: dict[tuple[Any, ...], Row] = {}
    for row in cells:
        who = {name: row[name] for name in list(row)[:6]}
        line = lines.setdefault(tuple(who.values()), who)
        line[f"C={row['candidates']:,}"] = (
            f"{row['p50_ms']:.3f} {row['p95_ms']:.3f} {row['p99_ms']:.3f}"
        )
    _print(pa.Table.from_pylist(list(lines.values())), "One query, p50 p95 p99 in milliseconds")


def _print_load(con: duckdb.DuckDBPyConnection) -> None:
    """Print one line per contender and number of clients."""
    found = _rows(
        con,
        f"""
        select distinct on (contender, conditions, clients)
            {_WHO}, clients, queries_per_second as "queries/s", p50_ms as "p50 ms",
            p95_ms as "p95 ms", p99_ms as "p99 ms"
        from under_load
        semi join (from asked where stage = 'clients') using (contender, conditions)
        order by direction, dim, precision, scorer, variant, clients
        """,
    )
    _print(found, "Single queries of several clients at once")


def _print_filtered(con: duckdb.DuckDBPyConnection) -> None:
    """Print one line per contender and filter."""
    found = _rows(
        con,
        f"""
        select distinct on (contender, conditions, selectivity)
            {_WHO}, selectivity as passes, passing as items, ann_recall as "ANN recall",
            missing_results as "results short", p50_ms as "p50 ms", p95_ms as "p95 ms",
            p99_ms as "p99 ms"
        from filtered
        semi join (from asked where stage = 'filters') using (contender, conditions)
        order by direction, dim, precision, scorer, variant, selectivity desc
        """,
    )
    _print(found, "Among what passes a filter")


def _print_sentence(con: duckdb.DuckDBPyConnection) -> None:
    """Print the decision on the smallest one sure to keep 99% of recall@10, or what is missing."""
    said = _rows(
        con,
        """
        with mine as (
            select * from decisions
            where
                run_id in (
                    select run_id from speed semi join asked using (contender, conditions)
                )
                and throughput is not null
        )
        select distinct on (direction) sentence
        from mine
        where measure = 'recall' and k = 10
        order by direction, kept_low >= 0.99 desc, vector_bytes, throughput desc
        """,
    )["sentence"].to_pylist()
    for sentence in said:
        say(f"{sentence}.")
    if said:
        return
    unknown = _rows(
        con,
        """
        select
            count(*) filter (run_id is null) as without, count(*) as every,
            max(queries_per_second) as best,
            arg_max(concat_ws(' ', dim, precision, 'by', scorer), queries_per_second) as who
        from speed
        semi join (from asked where stage = 'batch') using (contender, conditions)
        """,
    ).to_pylist()[0]
    if unknown["best"] is not None:
        tail = ""
        if unknown["without"]:
            tail = (
                f"; what {unknown['without']} of the {unknown['every']} keep is unknown: "
                "`cmr evaluate` with the same dimensions, precisions and scorers tells"
            )
        say(f"{unknown['who']} is the fastest: {unknown['best']:,.0f} queries a second{tail}.")
