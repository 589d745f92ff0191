"""What else bears on a choice: searches that return lists, and what was measured in time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cmr.cli.terminal import tell
from cmr.protocols import way
from cmr.rows import Row

if TYPE_CHECKING:
    from cmr.warehouse.store import Store


def print_contenders(store: Store, rows: Sequence[Row], k: int) -> None:
    """The front of recall, bytes and time over all searches, where some return lists."""
    from cmr.answers import fetch
    from cmr.cli.printed_tables import print_table
    from cmr.materialised import open_for
    from cmr.report.contender_words import told
    from cmr.report.named import estimate
    from cmr.warehouse.current import current_runs

    mine = {(row["dataset"], row["qrels"], row["model"]) for row in rows}
    if not any(
        run["list_length"] is not None and (run["dataset"], run["qrels"], run["model"]) in mine
        for run in current_runs(store)
    ):
        return
    query = f"from contenders where measure = 'recall' and k = {k}"
    found = fetch(open_for(store, query), query).to_pylist()
    import pyarrow as pa

    found = [row for row in found if (row["dataset"], row["qrels"], row["model"]) in mine]
    lines = [
        {
            "way": way(row["direction"], row["qrels"]),
            "contender": row["contender"],
            "bytes": round(row["bytes"]),
            "in memory": None if row["memory_bytes"] is None else round(row["memory_bytes"]),
            "fit": row["fit"],
            "kept": estimate(row["kept"], row["kept_low"], row["kept_high"]),
            "ann recall": row["ann_recall"],
            "p50 ms": row["p50_ms"],
            "p99 ms": row["p99_ms"],
            "queries/s": row["queries_per_second"],
        }
        for row in found
        if row["best"]
    ]
    if lines:
        print_table(
            pa.Table.from_pylist(lines),
            title=f"Not beaten in recall@{k}, bytes and time at once, by point estimates; "
            "kept with its 95% interval",
        )
    for row in found:
        if row["best"]:
            tell(f"{way(row['direction'], row['qrels'])}, {told(row, k, str)}.")
    for why, many in Counter(row["unearned"] for row in found if row["unearned"]).items():
        tell(f"{many} of {len(found)} contenders are not compared: {why}.")
    tell('All of them: `cmr sql "from contenders"`.')


def print_costs(store: Store, rows: Sequence[Row], k: int) -> None:
    """Print what the recommended ones cost in time, if `cmr bench` has measured them."""
    from cmr.answers import fetch, quoted
    from cmr.materialised import open_for
    from cmr.warehouse.schemas import BENCHES

    runs = {row["run_id"] for row in rows if row["measure"] == "recall"} - {None}
    if not runs or not store.catalogue(BENCHES):
        return
    con = open_for(store, "from decisions")
    listed = ", ".join(map(quoted, sorted(runs)))
    said = fetch(
        con,
        f"""
        select sentence from decisions
        where run_id in ({listed}) and measure = 'recall' and k = {k} and throughput is not null
        """,
    )
    for sentence in said["sentence"].to_pylist():
        tell(f"{sentence}.")
