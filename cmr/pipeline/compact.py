"""Compact: where a catalogue row names several files of one partition, merge them into one.

Catalogue rows stay one file each. A commit replaces such a file in a single step; a file of many
rows could not gain or lose a row without a moment in which some reader sees that row twice or not
at all. Nor is a file ever rewritten under its own name, since a reader may already have read its
footer.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

import pyarrow as pa

from cmr.errors import CmrError
from cmr.progressbar import Advance, ProgressBar
from cmr.rows import Row
from cmr.warehouse import claims
from cmr.warehouse.catalogue_rows import row_name
from cmr.warehouse.locks import BusyError
from cmr.warehouse.schemas import CATALOGUE, DATASETS, QRELS_SETS, RUNS, TABLES, Table
from cmr.warehouse.store import Store

# Minimum rows in a row group of a merged file, if there are as many.
GROUP_ROWS = 65_536


@dataclass(frozen=True)
class Merge:
    """Files of one partition that one catalogue row names, in order."""

    partition: str
    files: tuple[str, ...]
    bytes: int


@dataclass
class Compacted:
    """What was merged, or would be, and the partitions that another process is writing."""

    merged: list[Merge] = field(default_factory=list)
    busy: list[str] = field(default_factory=list)


def compact(warehouse: Store, wait: float, dry_run: bool, bar: ProgressBar) -> Compacted:
    """Merge what can be merged. The replaced files stay until `vacuum`.

    First every merged file is written, which no row names yet. `wait` seconds later, when queries
    that listed files before have finished listing, the rows are committed. Readers of an old row
    still find its old files. The claims are held throughout.
    """
    done = Compacted()
    todo = [
        (table, row, merges)
        for table in CATALOGUE
        for row in warehouse.catalogue(table)
        if (merges := mergeable(warehouse, row))
    ]
    if dry_run or not todo:
        done.merged = [merge for _, _, merges in todo for merge in merges]
        return done
    if not warehouse.writable():
        raise CmrError(f"the warehouse at {warehouse.root} is read-only")
    with contextlib.ExitStack() as stack:
        ready = []
        with bar("compacting", sum(len(merges) for _, _, merges in todo), "partitions") as go:
            for table, row, merges in todo:
                try:
                    stack.enter_context(warehouse.claim(_claim(table, row), wait=False))
                except BusyError:
                    done.busy += [merge.partition for merge in merges]
                    continue
                now = warehouse.find(table, row_name(table, row))
                for_row = mergeable(warehouse, now) if now else []
                if now and for_row:
                    ready.append((table, _merged(warehouse, now, for_row, go)))
                    done.merged += for_row
        if ready:
            time.sleep(wait)
        for table, row in ready:
            warehouse.commit(table, row_name(table, row), row)
    return done


def mergeable(warehouse: Store, row: Row) -> list[Merge]:
    """The partitions where a row names several files."""
    folders: dict[str, list[str]] = {}
    for name in row["files"]:
        folders.setdefault(name.rpartition("/")[0], []).append(name)
    return [
        Merge(folder, tuple(names), sum(size for size, _ in warehouse.storage.states(names)))
        for folder, names in folders.items()
        if len(names) > 1
    ]


def _merged(warehouse: Store, row: Row, merges: Sequence[Merge], go: Advance) -> Row:
    """The new row; also writes its new files."""
    files = list(row["files"])
    changed = dict(row)
    for merge in merges:
        file = _write(warehouse, row, merge)
        files[files.index(merge.files[0])] = file
        files = [name for name in files if name not in merge.files]
        if merge.partition.startswith("embeddings/"):
            changed["fingerprint"] = warehouse.checksum(file)
            changed["file_bytes"] = warehouse.storage.size(file)
        go(1)
    return {**changed, "files": files}


def _write(warehouse: Store, row: Row, merge: Merge) -> str:
    name, *folders = merge.partition.split("/")
    keys = {key: unquote(value) for key, _, value in (part.partition("=") for part in folders)}
    warehouse.check(row, merge.files)
    data = _groups(warehouse, merge.files)
    if name == "embeddings":
        return warehouse.write_embeddings({**keys, "dim": row["dim"]}, data)
    return warehouse.write(TABLES[name], keys, data)


def _groups(warehouse: Store, files: Sequence[str]) -> Iterator[pa.Table]:
    """All rows in order, in row groups that are not too small."""
    held: list[pa.Table] = []
    for name in files:
        with warehouse.storage.parquet(name) as file:
            for group in range(file.num_row_groups):
                held.append(file.read_row_group(group))
                if sum(part.num_rows for part in held) >= GROUP_ROWS:
                    yield pa.concat_tables(held)
                    held = []
    if held:
        yield pa.concat_tables(held)


def _claim(table: Table, row: Row) -> str:
    if table is RUNS:
        return str(row["run_id"])
    if table is DATASETS:
        return claims.of_dataset(row["dataset"])
    if table is QRELS_SETS:
        return claims.of_qrels(row["dataset"], row["qrels"])
    where = next(name for name in row["files"] if name.startswith("embeddings/"))
    return claims.of_partition(where.rpartition("/")[0])
