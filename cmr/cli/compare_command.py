"""`cmr compare`: paired differences of runs, query by query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from cmr.cli.known_names import one_run
from cmr.cli.options import POSITIVE, query_memory_option, warehouse_option
from cmr.cli.paging import paged
from cmr.cli.progress import progress
from cmr.cli.terminal import tell
from cmr.decimals import fixed
from cmr.errors import CmrError
from cmr.progressbar import waiting
from cmr.protocols import PROTOCOLS, is_grouped, is_whole, way
from cmr.rows import Row

if TYPE_CHECKING:
    from cmr.api.comparison import Comparison

_SHOWN = ("value_a", "value_b", "difference", "ci_low", "ci_high", "p", "p_holm")
_NAMES = {"value_a": "a", "value_b": "b", "difference": "b - a", "ci_low": "low", "ci_high": "high"}
_LEVEL = 0.05


@click.command()
@click.argument("a", required=False, shell_complete=one_run)
@click.argument("b", nargs=-1, shell_complete=one_run)
@warehouse_option
@query_memory_option
@click.option(
    "--a",
    "left",
    metavar="RUN",
    shell_complete=one_run,
    help="Run A, instead of the first argument.",
)
@click.option(
    "--b",
    "right",
    metavar="RUN",
    multiple=True,
    shell_complete=one_run,
    help="Run B; may be repeated.",
)
@click.option(
    "--pools",
    type=click.Choice(["full", *sorted({*PROTOCOLS} - {"full"})]),
    default="full",
    show_default=True,
    help="Over the whole gallery, or over candidate pools; grouped: of runs that rank visuals by "
    "the best of their captions.",
)
@click.option("--k", default=10, show_default=True, type=POSITIVE, help="Cut-off K.")
@click.option("--in-sample", is_flag=True, help="Use ranks as they are, even in-sample ones.")
@click.option("--all", "everything", is_flag=True, help="Every measure and K.")
@click.option("--by", "attribute", metavar="NAME", help="In every slice by this attribute.")
@click.option("--measure", help="With --by: the measure.  [default: recall]")
def compare(
    a: str | None,
    b: tuple[str, ...],
    warehouse: str,
    left: str | None,
    right: tuple[str, ...],
    attribute: str | None,
    measure: str | None,
    **how: Any,
) -> None:
    """Compare runs B with run A on the same queries.

    A and B are the start of a run's id, or settings: dim=512,precision=fp16. Settings that are not
    named are the same for both. Intervals and p-values are paired by query and clustered by visual
    item; p_holm is corrected by Holm's method for all rows shown. Where a basis or quantiser was
    learnt from the data that is scored, cross-fitted figures are used: queries are scored by what
    was learnt without them. A run that has none is only compared with runs like it, unless
    --in-sample is given. --by compares them in every slice by an attribute of texts or visuals: a
    further column of the source, or one that is counted, such as caption_words.

    \b
    cmr compare precision=fp16,dim=512 precision=int4,dim=512
    cmr compare precision=fp16,dim=512 precision=int8,dim=512 precision=int4,dim=512
    cmr compare --a dim=512,precision=fp16 --b dim=256,precision=fp16
    cmr compare model=ViT-B-32/openai,dim=512 model=ViT-L-14/openai,dim=512
    cmr compare 3f0c 81d2 --pools expected
    cmr compare dim=512,precision=fp32 dim=256,precision=int8 --pools grouped
    cmr compare precision=fp32,dim=512 precision=int4,dim=512 --by category
    """
    import cmr
    from cmr.api.comparison import ComparedBy, compare_runs
    from cmr.cli.startup import without_pandas

    without_pandas()
    first, others = _sides(a, b, left, right)
    if attribute is None and measure is not None:
        raise CmrError("--measure goes with --by; without it all the usual measures are shown")
    if attribute is not None:
        from cmr.api.slices import compare_slices
        from cmr.cli.printed_slices import print_compared

        store, by = cmr.open(warehouse).store, ComparedBy(**how)
        with paged(), waiting(progress, "comparing"):
            for one in compare_slices(store, first, others, attribute, measure or "recall", by):
                print_compared(one)
        return
    with paged(), waiting(progress, "comparing"):
        found = compare_runs(cmr.open(warehouse).store, first, others, ComparedBy(**how))
        several = len({pair.a["model"] for pair in found}) > 1
        for pair in found:
            _print(pair, several)


def _sides(
    a: str | None, b: tuple[str, ...], left: str | None, right: tuple[str, ...]
) -> tuple[str, list[str]]:
    """Run A and the runs B, from arguments, options or both."""
    given = [*([] if left is None else [left]), *([] if a is None else [a]), *b, *right]
    if len(given) < 2:
        raise CmrError("two runs are needed, A and B; `cmr compare --help` shows how to name them")
    return given[0], given[1:]


def _print(pair: Comparison, several: bool) -> None:
    """One pair as a table and sentences; `several`: models are compared, each with itself."""
    import pyarrow as pa

    from cmr.api.comparison import representation
    from cmr.cli.printed_tables import print_table
    from cmr.report import named

    left, right, rows = pair.a, pair.b, pair.rows
    table = [
        {
            **({} if is_whole(row["protocol"]) else {"C": row["candidates"]}),
            "measure": named.measure(row),
            **{_NAMES.get(name, name): row[name] for name in _SHOWN},
            "wins/losses/ties": None
            if row["wins"] is None
            else f"{row['wins']}/{row['losses']}/{row['ties']}",
        }
        for row in sorted(rows, key=lambda row: (row["candidates"], row["measure"], row["k"] or 0))
    ]
    sides = ", ".join(
        f"{name} = {representation(run, other)}" + _fitted(rows[0][f"fit_{name}"])
        for name, run, other in (("a", left, right), ("b", right, left))
    )
    who = f"{left['dataset']} {way(left['direction'], left['qrels'])}"
    if several and left["model"] == right["model"]:
        who += f", {left['model']}"
    title = f"{who}, {_protocol(rows)}: {sides}"
    print_table(pa.Table.from_pylist(table), title=title)
    few = min(row["clusters"] for row in rows)
    tail = "" if few >= pair.fewest else f" {few} visual items are too few for firm conclusions."
    tell(_sentence(rows) + tail + _power(rows) + "\n")


def _power(rows: Sequence[Row]) -> str:
    """Which difference these queries could have detected: a smaller one may exist unseen."""
    largest = max(row["candidates"] for row in rows)
    seen = [row for row in rows if row["candidates"] == largest and row["unseen"] is not None]
    seen = [row for row in seen if row["measure"] != "mean_rank"]
    if not seen:
        return ""
    row = max(seen, key=lambda one: (one["measure"] == "recall", one["k"] or 0))
    return (
        f" With {row['clusters']:,} visual items, a difference of {fixed(row['unseen'])} in "
        f"{_name(row)} is detected with 80% power (p below 0.05, uncorrected); smaller ones may "
        "go undetected."
    )


def _fitted(fit: str) -> str:
    """How a run's figures were fitted, if anything was learnt."""
    return "" if fit == "none" else f", {fit}"


def _protocol(rows: Sequence[Row]) -> str:
    """The protocol of the rows, with its pool sizes."""
    protocol = str(rows[0]["protocol"])
    if is_whole(protocol):
        return f"{protocol}, whole gallery" if is_grouped(protocol) else "whole gallery"
    sizes = sorted({row["candidates"] for row in rows})
    return f"{protocol}, C = {', '.join(f'{size:,}' for size in sizes)}"


def _sentence(rows: Sequence[Row]) -> str:
    """What was found, in words, for the largest pools."""
    largest = max(row["candidates"] for row in rows)
    every = [row for row in rows if row["candidates"] == largest]
    where = _protocol(every)
    return f"{where[0].upper()}{where[1:]}: {_found(every)}"


def _found(every: Sequence[Row]) -> str:
    rows = [row for row in every if row["difference"] is not None]
    if not rows:
        return "No measure is known for both a and b: they need ranks beyond the returned lists."
    if len(rows) < len(every):
        names = ", ".join(_name(row) for row in every if row["difference"] is None)
        return f"{_found(rows)} Unknown, as they need ranks beyond the returned lists: {names}."
    sure = [row for row in rows if row["p_holm"] is not None and row["p_holm"] < _LEVEL]
    if not any(row["difference"] for row in rows):
        return "b equals a in every measure shown."
    if not sure:
        widest = max(rows, key=lambda row: abs(row["difference"]) if row["k"] else 0)
        return (
            "These queries do not tell a and b apart (no p_holm below 0.05): "
            f"{_figures(widest)}, in 95% intervals."
        )
    better = [row for row in sure if (row["difference"] > 0) != (row["measure"] == "mean_rank")]
    worse = [row for row in sure if row not in better]
    said = [
        f"{word} in {', '.join(map(_figures, found))}"
        for word, found in (("better", better), ("worse", worse))
        if found
    ]
    rest = len(rows) - len(sure)
    tail = f"; {rest} of the {len(rows)} measures show no difference" if rest else ""
    return f"b is {' and '.join(said)} (p_holm below 0.05){tail}."


def _figures(row: Row) -> str:
    ends = [fixed(row[end], sign="+") for end in ("ci_low", "ci_high") if row[end] is not None]
    interval = f"[{', '.join(ends)}]" if ends else ""
    return f"{_name(row)} {fixed(row['difference'], sign='+')} {interval}".rstrip()


def _name(row: Row) -> str:
    from cmr.report import named

    return named.measure(row)
