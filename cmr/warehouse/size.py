"""How much a warehouse holds, table by table."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from cmr.errors import CmrError
from cmr.warehouse.inventory import FIXED, NAMED, ROW, FoundFile, inventory
from cmr.warehouse.schemas import TABLES
from cmr.warehouse.storage import Storage
from cmr.warehouse.store import Store

_THREADS = 8


@dataclass(frozen=True)
class StoredSize:
    """Files, rows and bytes of a table; `rows` is None for what is in no table."""

    name: str
    files: int
    rows: int | None
    bytes: int


def sizes(warehouse: Store) -> tuple[list[StoredSize], list[StoredSize], list[FoundFile]]:
    """Tables that have rows; what no catalogue row names, by kind; and each file of the latter.

    Row counts are read from the files' footers. Raises CmrError for a damaged catalogue.
    """
    found = inventory(warehouse)
    mine = [one for one in found if one.kind in (NAMED, ROW)]
    with ThreadPoolExecutor(_THREADS) as pool:
        rows = dict(
            zip(
                (one.path for one in mine),
                pool.map(lambda one: _rows(warehouse.storage, one.path), mine),
                strict=True,
            )
        )
    tables = []
    for name in [*TABLES, "embeddings"]:
        files = [one for one in mine if one.table == name]
        if files:
            counts = [rows[one.path] for one in files]
            known = None if None in counts else sum(count or 0 for count in counts)
            tables.append(StoredSize(name, len(files), known, sum(one.bytes for one in files)))
    rest = [one for one in found if one.kind not in (NAMED, ROW, FIXED)]
    kinds = dict.fromkeys(one.kind for one in rest)
    others = [
        StoredSize(kind, len(files), None, sum(one.bytes for one in files))
        for kind in kinds
        if (files := [one for one in rest if one.kind == kind])
    ]
    return tables, others, rest


def _rows(storage: Storage, path: str) -> int | None:
    """The number of rows according to the footer; None for a file that is damaged or gone."""
    try:
        with storage.parquet(path) as file:
            return int(file.metadata.num_rows)
    except CmrError:
        return None
