"""What it costs to serve so many items: machines and money, by what was measured."""

from __future__ import annotations

from dataclasses import dataclass

from cmr.answers import fetch
from cmr.api.prices import Prices
from cmr.errors import CmrError
from cmr.materialised import open_for
from cmr.progressbar import ProgressBar, no_bar
from cmr.rows import Row
from cmr.warehouse.store import Store


@dataclass(frozen=True)
class Costs:
    """`rows`: the cheapest machines of every contender, cheapest first; see the macro `costs`.

    `slow`: contenders whose measured p99 is too long. `unknown`: those of which it is not known
    what they read or take in memory, or that were measured on an accelerator.
    """

    rows: list[Row]
    slow: list[str]
    unknown: list[str]


def costs(
    warehouse: Store,
    items: float,
    qps: float,
    p99_ms: float,
    prices: Prices,
    bar: ProgressBar = no_bar,
) -> Costs:
    """Of every contender that was measured with several clients, the machines that cost least.

    Raises CmrError where none was.
    """
    query = "from costs(1, 1, 1, 1, 1, 1)"
    con = open_for(warehouse, f"{query}, under_load", bar=bar)
    loaded = fetch(
        con, "select distinct contender, dim, precision, scorer, variant, "
        "device = 'cpu' and reads is not null and index_vector_bytes is not null as known "
        "from under_load order by all",
    ).to_pylist()  # fmt: skip
    if not loaded:
        raise CmrError(
            "no throughput was measured with several clients, so there is nothing to reckon with; "
            "`cmr bench --clients 1,4,16` measures it"
        )
    best: dict[tuple[str, str], Row] = {}
    for machine in prices.machines:
        given = f"{items!r}, {qps!r}, {p99_ms!r}, {machine.vcpus!r}, {machine.ram_gib!r}"
        asked = f"from costs({given}, {machine.usd_month!r}, ram_share := {prices.ram_share!r})"
        for row in fetch(con, asked).to_pylist():
            key = (row["contender"], row["conditions"])
            if key not in best or row["usd_month"] < best[key]["usd_month"]:
                best[key] = row | {"machine": machine.name}
    rows = sorted(best.values(), key=lambda row: (row["usd_month"], row["contender"]))
    there = {_who(row) for row in rows}
    return Costs(
        rows,
        slow=_names([one for one in loaded if one["known"] and _who(one) not in there]),
        unknown=_names([one for one in loaded if not one["known"] and _who(one) not in there]),
    )


def _who(row: Row) -> tuple[object, ...]:
    return tuple(row[name] for name in ("dim", "precision", "scorer", "variant"))


def _names(rows: list[Row]) -> list[str]:
    named = (
        " ".join(f"{row['dim']} {row['precision']} by {row['scorer']} {row['variant']}".split())
        for row in rows
    )
    return list(dict.fromkeys(named))
