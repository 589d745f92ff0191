"""What `cmr compare --by` and `cmr recommend --by` print."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cmr.cli.terminal import say
from cmr.decimals import fixed, percent
from cmr.protocols import judged_words, way
from cmr.rows import Row
from cmr.sources.phrases import counted

if TYPE_CHECKING:
    from cmr.api.comparison import ComparedPair
    from cmr.api.slices import EverySlice

_LEVEL = 0.05
# More slices are not printed; the macros have all.
_MOST = 40


def print_compared(pair: ComparedPair) -> None:
    """A table with a row for each slice, and what it says in words."""
    import pyarrow as pa

    from cmr.api.comparison import representation
    from cmr.cli.printed_tables import print_table
    from cmr.report import named

    rows = pair.rows
    # Of many slices, those with the clearest differences.
    shown = sorted(rows, key=lambda row: (row["p"] is None, row["p"]))[:_MOST]
    table = [
        {
            str(row["name"]): row["slice"],
            "queries": row["queries"],
            "a": row["value_a"],
            "b": row["value_b"],
            "b - a": row["difference"],
            "low": row["ci_low"],
            "high": row["ci_high"],
            "p": row["p"],
            "p_holm": row["p_holm"],
            "wins/losses/ties": None
            if row["wins"] is None
            else f"{row['wins']}/{row['losses']}/{row['ties']}",
        }
        for row in rows
        if row in shown
    ]
    left, right = representation(pair.a, pair.b), representation(pair.b, pair.a)
    print_table(
        pa.Table.from_pylist(table),
        title=f"{pair.a['dataset']} {way(pair.a['direction'], pair.a['qrels'])}, "
        f"{named.measure(rows[0])} by {rows[0]['name']}, whole gallery: a = {left}, b = {right}",
    )
    more = len(rows) - len(table)
    tail = f" {more} of {len(rows)} slices are not shown; compare_by has all." if more else ""
    say(_found(rows) + _differ(rows) + _few(rows) + tail + "\n")


def _found(rows: Sequence[Row]) -> str:
    sure = [row for row in rows if row["p_holm"] is not None and row["p_holm"] < _LEVEL]
    if not sure:
        return f"In none of {len(rows)} slices is b shown to differ from a (no p_holm below 0.05)."
    lower_is_better = rows[0]["measure"] == "mean_rank"
    said = []
    for word, up in (("better", not lower_is_better), ("worse", lower_is_better)):
        found = [row for row in sure if (row["difference"] > 0) == up]
        if found:
            said.append(f"{word} in {', '.join(map(_figures, found[:5]))}{_rest(found[5:])}")
    return f"b is {' and '.join(said)} (p_holm below 0.05)."


def _rest(rows: Sequence[Row]) -> str:
    return f" and {len(rows)} more" if rows else ""


def _figures(row: Row) -> str:
    ends = ", ".join(fixed(row[end], sign="+") for end in ("ci_low", "ci_high"))
    return f"{row['slice']} {fixed(row['difference'], sign='+')} [{ends}]"


def _differ(rows: Sequence[Row]) -> str:
    """Whether the slices differ from each other: otherwise one's loss may be all's."""
    p = rows[0]["p_differ"]
    if p is None:
        return ""
    told = f"F {rows[0]['f']:.2f}, p {p:.3g}"
    if p < _LEVEL:
        return f" The slices differ ({told})."
    return f" That b - a differs between slices is not shown ({told})."


def _few(rows: Sequence[Row]) -> str:
    few = [row for row in rows if row["p"] is None]
    return f" {len(few)} with a single visual item cannot be tested." if few else ""


def print_every_slice(one: EverySlice, retain: float, attribute: str) -> None:
    """A table with a row for each measure and direction, and what it says in words."""
    import pyarrow as pa

    from cmr.cli.printed_tables import print_table
    from cmr.report import named

    lines = [
        {
            "direction": way(row["direction"], one.qrels),
            "measure": named.measure(row),
            "sure in every slice": "none" if row["run_id"] is None else _words(row),
            "bytes": row["vector_bytes"],
            f"worst {attribute}": row["worst_slice"],
            "kept": row["worst_retention"],
            "low": row["worst_low"],
            "slices": row["slices"],
        }
        for row in one.rows
    ]
    who = f"{one.dataset}, {one.model}{judged_words(one.qrels)}"
    print_table(
        pa.Table.from_pylist(lines),
        title=f"{who}: fewest bytes a vector that keep {retain:.1%} in every slice by {attribute}",
    )
    say(_sentence(one, who, retain, attribute))
    for sentence in _undecided(one.rows):
        say(sentence)


def _sentence(one: EverySlice, who: str, retain: float, attribute: str) -> str:
    best = one.smallest
    if not any(row["slices"] for row in one.rows):
        return f"{who}: nothing is recommended: no slice by {attribute} can be decided upon."
    if best is None:
        return (
            f"{who}: no representation evaluated is sure to keep {retain:.1%} of the baseline in "
            f"every slice by {attribute}, measure and direction above."
        )
    looks = max(row["looks"] for row in one.rows)
    slices = max(row["slices"] for row in one.rows)
    return (
        f"{who}: {_words(best)} is the smallest that is sure to keep {retain:.1%} of the baseline "
        f"in every slice by {attribute}, measure and direction above: {best['vector_bytes']:,} "
        f"bytes a vector, at least {percent(best['low'])} kept, in {best['worst_slice']}. Sure at "
        f"97.5% for {looks:,} candidates times {slices:,} slices."
    )


def _undecided(rows: Sequence[Row]) -> list[str]:
    """The slices that no decision is based on, by direction, with their first reason."""
    found = []
    for direction in dict.fromkeys(row["direction"] for row in rows):
        reasons = {
            one["slice"]: one["why"]
            for row in rows
            if row["direction"] == direction
            for one in row["undecided"] or ()
        }
        if reasons:
            said = "; ".join(f"{name}: {why}" for name, why in list(reasons.items())[:3])
            more = len(reasons) - 3
            found.append(
                f"Not decided upon ({direction}): {said}"
                + (f"; and {counted(more, 'more slice')}." if more > 0 else ".")
            )
    return found


def _words(row: Row) -> str:
    text = f"{row['dim']} {row['dim_method']} {row['precision']}"
    return ", ".join(filter(None, [text, row["variant"]]))
