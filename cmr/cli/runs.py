"""`cmr runs`: what has been evaluated, and in what two runs differ."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click

from cmr.cli.options import warehouse_option

Row = dict[str, Any]
_LISTED = (
    "run_id", "dataset", "qrels", "model", "direction", "dim", "dim_method", "precision",
    "quantizer", "query_precision", "scorer", "scorer_settings", "seed", "queries",
    "gallery", "seconds", "started_at",
)  # fmt: skip
# What is JSON inside, and is shown key by key.
_NESTED = ("plan", "versions", "machine", "settings", "scorer_settings")
_HIDDEN = ("files", "run_id", "started_at", "seconds")


@click.group()
def runs() -> None:
    """List runs, show one, or say in what two differ.

    A run is named by the start of its id, or by settings: dim=512,precision=fp16.

    \b
    cmr runs list
    cmr runs show 3f0c
    cmr runs diff dim=512,precision=fp16,direction=t2v dim=256,precision=fp16,direction=t2v
    """


@runs.command("list")
@warehouse_option
@click.option("--dataset", help="Only this data set.")
def list_(warehouse: str, dataset: str | None) -> None:
    """One line a run.

    \b
    cmr runs list --dataset coco
    """
    import pyarrow as pa

    from cmr.cli.tables import print_table
    from cmr.errors import CmrError
    from cmr.warehouse.current import current_runs
    from cmr.warehouse.schemas import RUNS
    from cmr.warehouse.store import Warehouse

    found = [
        row for row in current_runs(Warehouse.open(warehouse)) if dataset in (None, row["dataset"])
    ]
    if not found:
        raise CmrError("there are no such runs; `cmr evaluate` makes them")
    order = sorted(found, key=lambda row: [str(row[name]) for name in _LISTED[1:12]])
    schema = pa.schema([RUNS.schema.field(name) for name in _LISTED])
    rows = [{name: row[name] for name in _LISTED} for row in order]
    print_table(pa.Table.from_pylist(rows, schema=schema))


@runs.command()
@click.argument("run")
@warehouse_option
def show(run: str, warehouse: str) -> None:
    """Everything that is recorded of a run and of its vectors.

    \b
    cmr runs show 3f0c
    """
    import pyarrow as pa

    from cmr.cli.tables import print_table

    (row,) = _find(warehouse, [run])
    rows = [{"setting": name, "value": value} for name, value in _flat(row).items()]
    print_table(pa.Table.from_pylist(rows))


@runs.command()
@click.argument("a")
@click.argument("b")
@warehouse_option
def diff(a: str, b: str, warehouse: str) -> None:
    """What is recorded differently of two runs, their vectors and models included.

    Figures of the same model differ by its weights' hash, preprocessing, context length,
    prompt, frames, pooling and library versions: all of them are here.

    \b
    cmr runs diff 3f0c 81d2
    """
    import pyarrow as pa

    from cmr.cli.tables import print_table

    first, second = (_flat(row) for row in _find(warehouse, [a, b]))
    rows = [
        {"setting": name, "a": first.get(name, ""), "b": second.get(name, "")}
        for name in {**first, **second}
        if first.get(name, "") != second.get(name, "")
    ]
    if not rows:
        click.echo("the two runs do not differ in anything recorded")
        return
    print_table(pa.Table.from_pylist(rows))
    same = len({**first, **second}) - len(rows)
    click.echo(f"{len(rows)} settings differ, {same} are the same")


def _find(warehouse: str, given: Sequence[str]) -> list[Row]:
    """The runs that are meant, one each, with what is recorded of their vectors."""
    from cmr.cli.select import select
    from cmr.errors import CmrError
    from cmr.warehouse.current import current_runs
    from cmr.warehouse.schemas import EMBEDDING_SETS
    from cmr.warehouse.store import Warehouse

    opened = Warehouse.open(warehouse)
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
    """How a set of vectors was made, and the set that it was made from."""
    row = sets.get(set_id or "")
    if row is None:
        return {}
    own = json.loads(row["settings"] or "{}")
    return {**_made(sets, row["parent"]), **own}


def _flat(row: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """{setting: value as text}; of JSON and of structs each key is a setting."""
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
