"""`cmr warehouse`: its size, its checksums, merging its files, and what can be removed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from cmr.cli.options import Duration, warehouse_option
from cmr.cli.progress import progress
from cmr.cli.terminal import say
from cmr.errors import CmrError
from cmr.rows import Row

if TYPE_CHECKING:
    from cmr.warehouse.inventory import FoundFile
    from cmr.warehouse.size import StoredSize

# How many files an error names; the table above it has all of them.
_NAMED = 5


@click.group()
def warehouse() -> None:
    """Show the warehouse's size, verify it, merge its files, and remove what is not needed.

    \b
    cmr warehouse size
    cmr warehouse verify
    cmr warehouse vacuum --dry-run
    """


@warehouse.command()
@warehouse_option
@click.option("--files", is_flag=True, help="List each file that no catalogue row names.")
def size(warehouse: str, files: bool) -> None:
    """Show files, rows and bytes of each table, and of what no catalogue row names.

    \b
    cmr warehouse size
    cmr warehouse size --files
    """
    import cmr
    from cmr.warehouse.size import StoredSize, sizes

    tables, others, rest = sizes(cmr.open(warehouse).store)
    rows = sum(one.rows or 0 for one in tables)
    total = StoredSize("total", _files(tables), rows, sum(one.bytes for one in tables))
    _show([_size(one, "table") for one in [*tables, total]], "In the catalogue")
    if others:
        say()
        _show([_size(one, "what") for one in others], "In no catalogue row")
    if files and rest:
        say()
        _show([{"what": one.kind, "bytes": one.bytes, "file": one.path} for one in rest])


@warehouse.command()
@warehouse_option
def verify(warehouse: str) -> None:
    """Compare every data file with the checksum recorded when it was written.

    Catalogue rows and anchors are read. A file without a checksum, written by an earlier version
    of cmr, is "not recorded" and is read in full. Exit code 1 if a file is damaged or missing.

    \b
    cmr warehouse verify
    """
    import cmr
    from cmr.warehouse.verify import DAMAGED, MISSING, OK, UNRECORDED
    from cmr.warehouse.verify import verify as check

    found = check(cmr.open(warehouse).store, progress)
    states = (OK, DAMAGED, MISSING, UNRECORDED)
    lines = []
    for table in dict.fromkeys(one.table for one in found):
        mine = [one for one in found if one.table == table]
        counts = {state: sum(one.state == state for one in mine) for state in states}
        lines.append(
            {"table": table, "files": len(mine), "bytes": sum(one.bytes for one in mine), **counts}
        )
    _show(lines)
    bad = [one for one in found if one.state in (DAMAGED, MISSING)]
    if bad:
        say()
        _show([{"file": one.path, "is": one.state, "why": one.why} for one in bad])
        raise CmrError(
            f"{_count(bad)} damaged or missing: {_named([one.path for one in bad])}; `cmr ingest` "
            "makes items, judgments, native vectors and anchors again, `cmr ingest qrels` further "
            "judgments, `cmr evaluate --force` runs, ranks and what is derived, `cmr bench` "
            "measurements"
        )
    without = sum(one.state == UNRECORDED for one in found)
    rest = f", {without} of them without a checksum but readable" if without else ""
    say(f"all {len(found):,} files are sound{rest}")


@warehouse.command()
@warehouse_option
@click.option(
    "--wait",
    type=Duration(),
    default="30s",
    show_default=True,
    help="Wait between writing merged files and naming them, for queries that began before.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be merged, without merging it.")
def compact(warehouse: str, wait: float, dry_run: bool) -> None:
    """Merge the files of each partition where a catalogue row names several.

    Readers see every row once, before and after. The replaced files stay until
    `cmr warehouse vacuum`. Catalogue rows stay one file each, which makes a commit atomic.

    \b
    cmr warehouse compact --dry-run
    cmr warehouse compact
    """
    import cmr
    from cmr.pipeline.compact import compact as merge

    done = merge(cmr.open(warehouse).store, wait, dry_run, progress)
    if done.merged:
        _show(
            [
                {"partition": one.partition, "files": len(one.files), "bytes": one.bytes}
                for one in done.merged
            ]
        )
    what = "would be merged" if dry_run else "merged"
    say(
        f"{len(done.merged)} partitions {what}"
        if done.merged
        else "nothing to merge: no catalogue row names two files of one partition"
    )
    for partition in done.busy:
        say(f"{partition}: another process is writing it", err=True)


@warehouse.command()
@warehouse_option
@click.option(
    "--older",
    type=Duration(),
    default="1h",
    show_default=True,
    help="Only files last changed at least this long ago.",
)
@click.option("--unfinished", is_flag=True, help="Also remove what a killed ingest had encoded.")
@click.option("--dry-run", is_flag=True, help="Show what would be removed, without removing it.")
def vacuum(warehouse: str, older: float, unfinished: bool, dry_run: bool) -> None:
    """Remove what no catalogue row names.

    That is: data files of killed writers and of replaced runs, unfinished files, outdated stored
    measures, and unused locks. Files of an active writer stay, whatever their age. Files and
    folders that cmr did not create also stay, and are listed.

    \b
    cmr warehouse vacuum --dry-run
    cmr warehouse vacuum --older 2d
    """
    import cmr
    from cmr.pipeline.vacuum import vacuum as clean

    done = clean(cmr.open(warehouse).store, older, dry_run, unfinished)
    shown = [("would go" if dry_run else "removed", one, "") for one in done.removed]
    shown += [("stays", one, why) for one, why in done.kept]
    shown += [("not cmr's, stays", one, "") for one in done.unknown]
    locks = [one for _, one, _ in shown if one.kind == "lock"]
    rows = [_line(what, one, why) for what, one, why in shown if one not in locks]
    if rows:
        _show(rows)
    freed = sum(one.bytes for one in done.removed)
    verb = "would be removed" if dry_run else "removed"
    say(f"{_count(done.removed)} {verb}, {len(locks)} of them locks; {freed:,} bytes")


def _line(what: str, one: FoundFile, why: str) -> Row:
    hours = None if one.changed is None else max(0.0, time.time() - one.changed) / 3600
    age = None if hours is None else f"{hours:.1f}"
    line = {"": what, "what": one.kind, "bytes": one.bytes, "hours old": age}
    return {**line, "file": one.path, "why": why}


def _size(one: StoredSize, head: str) -> Row:
    line: Row = {head: one.name, "files": one.files}
    return line | ({"rows": one.rows} if head == "table" else {}) | {"bytes": one.bytes}


def _files(found: Sequence[StoredSize]) -> int:
    return sum(one.files for one in found)


def _count(found: Sequence[object]) -> str:
    return f"{len(found):,} file{'' if len(found) == 1 else 's'}"


def _named(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    return ", ".join(paths[:_NAMED]) + more


def _show(rows: Sequence[Row], title: str | None = None) -> None:
    import pyarrow as pa

    from cmr.cli.printed_tables import print_table

    print_table(pa.Table.from_pylist(list(rows)), title=title)
