"""Paired differences of runs, query by query, corrected over everything requested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from cmr.answers import fetch, quoted
from cmr.api.select import pairs
from cmr.errors import CmrError
from cmr.protocols import is_grouped
from cmr.report import named
from cmr.report.holm import holm
from cmr.rows import Row
from cmr.views import connect
from cmr.warehouse.current import current_runs
from cmr.warehouse.store import Store

MEASURES = ("hit_rate", "recall", "mrr", "ndcg", "map")


@dataclass(frozen=True)
class ComparedPair:
    """Two runs by their rows of `runs`, and their rows of a macro that compares them."""

    a: Row
    b: Row
    rows: list[Row]


@dataclass(frozen=True)
class Comparison(ComparedPair):
    """Their rows are of `compare`. `fewest`: visual items below which little can be concluded."""

    fewest: int


@dataclass(frozen=True)
class ComparedBy:
    """What is compared. `pools`: the protocol, of runs that rank captions singly or of the others.
    `everything`: every measure and K, not only the usual ones at K. `in_sample`: use ranks as they
    are, even in-sample ones.
    """

    pools: str = "full"
    k: int = 10
    everything: bool = False
    in_sample: bool = False

    def query(self, a: Row, b: Row) -> str:
        """The rows of a comparison of two runs."""
        ids = f"{quoted(a['run_id'])}, {quoted(b['run_id'])}"
        more = f"pools := {quoted(self.pools)}, in_sample := {str(self.in_sample).lower()}"
        return f"from compare({ids}, {more})"


def compare_runs(
    warehouse: Store, a: str, others: Sequence[str], by: ComparedBy = ComparedBy()
) -> list[Comparison]:
    """Compare runs `others` with runs `a`, with Holm's correction over all rows that are kept.

    Raises CmrError if it is ambiguous which runs are meant, or if nothing can be compared.
    """
    runs = of_protocol(current_runs(warehouse), by.pools, [a, *others])
    wanted = [pair for one in others for pair in pairs(runs, a, one)]
    con = connect(warehouse.root, "from compare")
    fewest = fetch(con, "select fewest_clusters() as fewest").to_pylist()[0]["fewest"]
    found = []
    for x, y in wanted:
        rows = fetch(con, by.query(x, y)).to_pylist()
        kept = rows if by.everything else [row for row in rows if _asked(row, by.k)]
        _check_asked(x, y, kept, rows, by.k)
        found.append(Comparison(x, y, kept, fewest))
    correct(con, [row for pair in found for row in pair.rows])
    return found


def of_protocol(runs: Sequence[Row], pools: str, given: Sequence[str]) -> list[Row]:
    """The runs that have such a protocol: those of grouped captions, or the others.

    Raises CmrError where an id among `given` is of a run that has not.
    """
    wanted = is_grouped(pools)
    kept = [row for row in runs if bool(row.get("grouped")) == wanted]
    for one in given:
        known = [row for row in runs if row["run_id"].startswith(one)]
        if known and not any(row in kept for row in known):
            how = (
                "captions singly" if wanted else "grouped captions, which --pools grouped compares"
            )
            raise CmrError(f"--pools {pools}: run {known[0]['run_id']} ranks {how}")
    return kept


def representation(row: Row, beside: Row | None = None) -> str:
    """A run as people write it: its representation and the start of its id.

    `beside`: a run that it is compared with; where their models differ, its model comes first.
    """
    model = "" if beside is None or beside["model"] == row["model"] else f"{row['model']} "
    return f"{model}{named.representation(row)} ({row['run_id'][:8]})"


def _check_asked(left: Row, right: Row, kept: list[Row], rows: list[Row], k: int) -> None:
    """Raise CmrError if there is nothing to show, or if the runs do not both have this K."""
    both = f"{representation(left, right)} and {representation(right, left)}"
    if not rows:
        raise CmrError(f"{both} have no pools in common; --pools full needs none")
    if not any(row["k"] for row in kept):
        there = sorted({row["k"] for row in rows if row["k"]})
        raise CmrError(
            f"{both} have no K = {k} in common; there is {', '.join(map(str, there))}, and "
            f"`cmr evaluate --k {k}` adds it without scoring again"
        )


def _asked(row: Row, k: int) -> bool:
    return row["measure"] in MEASURES and row["k"] in (None, k)


def correct(con: duckdb.DuckDBPyConnection, rows: Sequence[Row]) -> None:
    """Apply Holm's correction over everything that is shown, in place."""
    for row, p in zip(rows, holm(con, [row["p"] for row in rows]), strict=True):
        row["p_holm"] = p


def as_table(found: Sequence[ComparedPair]) -> pa.Table:
    """All pairs as one table, each row with what was compared."""
    return pa.Table.from_pylist(
        [
            {
                "dataset": pair.a["dataset"],
                "qrels": pair.a["qrels"],
                "direction": pair.a["direction"],
                "run_a": pair.a["run_id"],
                "run_b": pair.b["run_id"],
                "a": representation(pair.a, pair.b),
                "b": representation(pair.b, pair.a),
                **row,
            }
            for pair in found
            for row in pair.rows
        ]
    )
