"""`cmr runs`: what has been evaluated, and how two runs differ."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from cmr.cli.known_names import one_dataset, one_model, one_run
from cmr.cli.options import warehouse_option
from cmr.cli.paging import paged
from cmr.cli.progress import progress
from cmr.cli.terminal import say
from cmr.rows import Row

_LISTED = (
    "run_id", "dataset", "qrels", "model", "direction", "dim", "dim_method", "precision",
    "quantizer", "query_precision", "scorer", "scorer_settings", "seed", "queries",
    "gallery", "seconds", "started_at",
)  # fmt: skip
# Columns that hold JSON, which is shown key by key.
_NESTED = ("plan", "versions", "machine", "settings", "scorer_settings")
_HIDDEN = ("files", "checksums", "run_id", "started_at", "seconds")


@click.group()
def runs() -> None:
    """List runs, show one, compare two runs' settings, or remove some.

    A run is named by the start of its id, or by settings: dim=512,precision=fp16.

    \b
    cmr runs list
    cmr runs show 3f0c
    cmr runs diff dim=512,precision=fp16,direction=t2v dim=256,precision=fp16,direction=t2v
    cmr runs remove precision=b1 --dry-run
    """


@runs.command("list")
@warehouse_option
@click.option("--dataset", shell_complete=one_dataset, help="Only this data set.")
def list_(warehouse: str, dataset: str | None) -> None:
    """List the runs, one per line.

    \b
    cmr runs list --dataset coco
    """
    import cmr

    with paged():
        _print_runs(cmr.open(warehouse).runs(dataset=dataset).dicts())


@runs.command()
@click.argument("run", shell_complete=one_run)
@warehouse_option
def show(run: str, warehouse: str) -> None:
    """Show everything recorded about a run and its vectors.

    \b
    cmr runs show 3f0c
    """
    import pyarrow as pa

    from cmr.cli.printed_tables import print_table

    (row,) = _find(warehouse, [run])
    rows = [{"setting": name, "value": value} for name, value in _flat(row).items()]
    with paged():
        print_table(pa.Table.from_pylist(rows))


@runs.command()
@click.argument("a", shell_complete=one_run)
@click.argument("b", shell_complete=one_run)
@warehouse_option
def diff(a: str, b: str, warehouse: str) -> None:
    """Show which recorded settings of two runs differ, vectors and models included.

    Figures of the same model can differ by its weights' hash, preprocessing, context length,
    prompt, frames, pooling and library versions: all of them are shown here.

    \b
    cmr runs diff 3f0c 81d2
    """
    import pyarrow as pa

    from cmr.cli.printed_tables import print_table

    first, second = (_flat(row) for row in _find(warehouse, [a, b]))
    rows = [
        {"setting": name, "a": first.get(name, ""), "b": second.get(name, "")}
        for name in {**first, **second}
        if first.get(name, "") != second.get(name, "")
    ]
    if not rows:
        say("nothing recorded differs between the two runs")
        return
    same = len({**first, **second}) - len(rows)
    with paged():
        print_table(pa.Table.from_pylist(rows))
        say(f"{len(rows)} settings differ, {same} are the same")


@runs.command()
@click.argument("given", nargs=-1, metavar="[RUN]…", shell_complete=one_run)
@warehouse_option
@click.option("--dataset", shell_complete=one_dataset, help="Only runs on this data set.")
@click.option("--model", shell_complete=one_model, help="Only runs of this model.")
@click.option("--outdated", is_flag=True, help="Runs on data sets that have grown since.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option("--dry-run", is_flag=True, help="List what would be removed, without removing it.")
def remove(
    given: tuple[str, ...],
    warehouse: str,
    dataset: str | None,
    model: str | None,
    outdated: bool,
    yes: bool,
    dry_run: bool,
) -> None:
    """Remove runs, with their ranks, hits and timings. Vectors and data sets stay.

    A RUN is the start of an id, or settings, which may match several; several RUNs add up.
    Without one, it is every run of --dataset and --model. A run that is being scored stays.

    \b
    cmr runs remove 3f0c
    cmr runs remove precision=b1 --dataset coco --dry-run
    cmr runs remove --model ViT-B-32/laion2b_s34b_b79k --yes
    """
    import cmr
    from cmr.api.select import removable
    from cmr.errors import CmrError
    from cmr.pipeline.remove import remove_runs, run_files

    store = cmr.open(warehouse).store
    if not (given or dataset or model or outdated):
        raise click.UsageError("name runs, or --dataset, --model or --outdated")
    found = removable(store, given, dataset, model, outdated)
    files = [file for row in found for file in run_files(store, row)]
    _print_runs(found)
    what = (
        f"{len(found)} runs, {len(files)} files, {sum(max(0, size) for _, size in files):,} bytes"
    )
    if dry_run:
        say(f"{what} would be removed")
        return
    if not yes:
        if not sys.stdin.isatty():
            raise CmrError("nothing was removed: give --yes, as there is no terminal to ask on")
        click.confirm(f"Remove {what}?", abort=True, err=True)
    with progress("removing", len(found), "runs") as advance:
        busy = remove_runs(store, found, advance)
    say(f"{len(found) - len(busy)} runs removed")
    if busy:
        names = ", ".join(row["run_id"] for row in busy)
        raise CmrError(f"{len(busy)} runs are being scored by another process and stay: {names}")


def _print_runs(found: Sequence[Row]) -> None:
    import pyarrow as pa

    from cmr.cli.printed_tables import print_table
    from cmr.warehouse.schemas import RUNS

    if sys.stdout.isatty():
        print_table(pa.Table.from_pylist([_brief(row) for row in found]))
    else:
        print_table(pa.Table.from_pylist(list(found), schema=RUNS.schema).select(_LISTED))


def _brief(row: Row) -> Row:
    """A run in the columns of a terminal; elsewhere the whole columns are worth more."""
    return {
        **{name: row[name] for name in ("run_id", "dataset", "qrels", "model")},
        "way": row["direction"],
        "representation": " ".join(
            str(row[name])
            for name in ("dim", "dim_method", "precision", "quantizer")
            if row[name] is not None
        ),
        **{
            name: row[name]
            for name in ("query_precision", "scorer", "scorer_settings", "seed", "queries")
        },
        "gallery": row["gallery"],
        "seconds": row["seconds"],
        "started at": f"{row['started_at']:%Y-%m-%d %H:%M}",
    }


def _find(warehouse: str, given: Sequence[str]) -> list[Row]:
    """The selected runs, one for each argument, with what is recorded about their vectors."""
    from cmr.api.select import select
    from cmr.errors import CmrError
    from cmr.warehouse.current import current_runs
    from cmr.warehouse.schemas import EMBEDDING_SETS
    from cmr.warehouse.store import Store

    opened = Store.open(warehouse)
    every = current_runs(opened)
    sets = {row["set_id"]: row for row in opened.catalogue(EMBEDDING_SETS)}
    found = []
    for one in given:
        rows = select(every, one)
        if len(rows) > 1:
            raise CmrError(f"{one!r} means {len(rows)} runs; `cmr runs list` shows them")
        row = dict(rows[0])
        for side in ("text", "visual"):
            row[f"{side} vectors"] = _made(sets, row.get(f"{side}_set"))
        found.append(row)
    return found


def _made(sets: Mapping[str, Row], set_id: str | None) -> dict[str, Any]:
    """How a set of vectors was made, and from which set."""
    row = sets.get(set_id or "")
    if row is None:
        return {}
    own = json.loads(row["settings"] or "{}")
    # Principal directions come from both sides, so a set may name two parents; one is its own.
    parents = [name for name in (row["parent"] or "").split("+") if name in sets]
    mine = [name for name in parents if sets[name]["modality"] == row["modality"]]
    return {**(_made(sets, mine[0]) if mine else {}), **own}


def _flat(row: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """{setting: value as text}; each key of JSON and of a struct is a setting."""
    found: dict[str, str] = {}
    for name, value in row.items():
        if name in _HIDDEN and not prefix:
            continue
        inner = value
        if name in _NESTED and isinstance(value, str):
            inner = json.loads(value)
        if isinstance(inner, dict):
            found |= _flat(inner, f"{prefix}{name}.")
        elif inner is not None:
            text = inner if isinstance(inner, str) else json.dumps(inner, default=str)
            found[f"{prefix}{name}"] = text
    return found
