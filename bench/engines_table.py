"""The table of docs/engines.md: everything that a warehouse knows of one data set's contenders.

One row per representation, engine and settings; recall@10 of captions that look for pictures over
the whole gallery. What was not measured is left blank.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cmr
from cmr.api.costs import costs
from cmr.api.prices import OWN, prices
from cmr.errors import CmrError

Row = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """Which rows, and the service that is reckoned: `items`, `qps`, `p99` in milliseconds."""

    dataset: str
    dim: int
    clients: tuple[int, ...]
    filters: tuple[float, ...]
    items: int
    qps: int
    p99: int

    @property
    def where(self) -> str:
        """Of the views, as SQL."""
        name = self.dataset.replace("'", "''")
        return (
            f"dataset = '{name}' and dim = {self.dim} and dim_method = 'native' "
            "and direction = 't2v'"
        )


def told(value: float | None, digits: int) -> str:
    """A number for people; nothing where there is none."""
    return "" if value is None else f"{value:,.{digits}f}"


def table(root: str, asked: Asked) -> str:
    """All contenders by their bytes, in Markdown."""
    warehouse = cmr.open(root)
    # A run that was timed comes before one of the same name that was not.
    rows = warehouse.sql(
        "select distinct on (contender) * from contenders where measure = 'recall' and k = 10 "
        f"and {asked.where} order by contender, p50_ms nulls last, run_id"
    ).dicts()
    load = _by_run(
        warehouse.sql(f"from under_load where {asked.where} order by measured_at").dicts(),
        "clients",
    )
    passed = _by_run(
        warehouse.sql(f"from filtered where {asked.where} order by measured_at").dicts(),
        "selectivity",
    )
    money = _money(warehouse, asked)
    head = [
        "contender", "bytes", "recall@10", "kept of the baseline's", "ann_recall",
        "lost by codes", "by search", "p50 ms", "p95 ms", "p99 ms", "queries/s in batches",
        *(f"{many} client{'s' if many > 1 else ''}: queries/s, p99 ms" for many in asked.clients),
        *(f"filter {share:.0%}: ann_recall, p50 ms" for share in asked.filters),
        "machines", "USD a month", "front",
    ]  # fmt: skip
    lines = [_line(head), "|---|" + "---:|" * (len(head) - 2) + "---|"]
    for row in sorted(rows, key=lambda row: (row["bytes"], row["p50_ms"] or 0, row["contender"])):
        mine = load.get(row["run_id"], {}), passed.get(row["run_id"], {})
        lines.append(_line(_cells(row, asked, *mine, money.get(row["contender"]))))
    return "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(
    row: Row, asked: Asked, load: dict[Any, Row], passed: dict[Any, Row], money: Row | None
) -> list[str]:
    interval = f"[{told(row['kept_low'], 4)}, {told(row['kept_high'], 4)}]"
    return [
        row["contender"],
        told(row["bytes"], 0),
        told(row["value"], 4),
        f"{told(row['kept'], 4)} {interval}",
        *(told(row[name], 4) for name in ("ann_recall", "lost_by_codes", "lost_by_search")),
        *(told(row[name], 3) for name in ("p50_ms", "p95_ms", "p99_ms")),
        told(row["queries_per_second"], 0),
        *(_pair(load.get(many), "queries_per_second", 0, "p99_ms", 2) for many in asked.clients),
        *(_pair(passed.get(share), "ann_recall", 4, "p50_ms", 3) for share in asked.filters),
        "" if money is None else f"{money['machines']} {money['machine']}",
        "" if money is None else told(money["usd_month"], 0),
        "yes" if row["best"] else "",
    ]


def _pair(row: Row | None, first: str, digits: int, second: str, more: int) -> str:
    return "" if row is None else f"{told(row[first], digits)}, {told(row[second], more)}"


def _by_run(rows: list[Row], key: str) -> dict[str, dict[Any, Row]]:
    """The last measurement of each run, by the number of clients or the filter's share."""
    found: dict[str, dict[Any, Row]] = {}
    for row in rows:
        found.setdefault(row["run_id"], {})[row[key]] = row
    return found


def _money(warehouse: Any, asked: Asked) -> dict[str, Row]:
    """The cheapest machines of each contender; none where nothing was measured under load."""
    try:
        found = costs(warehouse.store, asked.items, asked.qps, asked.p99, prices(OWN)).rows
    except CmrError:
        return {}
    return {
        row["contender"]: row
        for row in reversed(found)
        if row["dataset"] == asked.dataset and row["direction"] == "t2v"
    }
