"""Where a table's files are stored below the warehouse root."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import pyarrow as pa

from cmr.errors import CmrError
from cmr.warehouse.schemas import EMBEDDING_KEYS, TABLES, Table

ANCHOR = "__anchor__"
MARKER = "_cmr_warehouse.json"
FORMAT = 2
# Embedding sets differ in their columns; this anchor covers all of them.
EMBEDDINGS = Table(
    "embeddings",
    EMBEDDING_KEYS,
    pa.schema(
        [
            pa.field("ordinal", pa.int64()),
            pa.field("item_id", pa.string()),
            pa.field("vector", pa.list_(pa.float32())),
            pa.field("codes", pa.binary()),
            pa.field("scale", pa.float32()),
        ]
    ),
)
# The tables that have an anchor.
ANCHORED = (*TABLES.values(), EMBEDDINGS)


def partition(table: str, keys: Mapping[str, object]) -> str:
    """Folder of one partition, such as `ranks/run_id=3f…`; values are URI-encoded, as in Hive."""
    folders = [f"{key}={quote(str(value), safe='')}" for key, value in keys.items()]
    return "/".join([table, *folders])


def catalogue_path(table: Table, name: str) -> str:
    """File of one catalogue row, such as `runs/3f….parquet`."""
    return f"{table.name}/{quote(name, safe='')}.parquet"


def anchor_path(table: Table) -> str:
    """File without rows that defines a table's columns before it has any rows."""
    if not table.partitions:
        return f"{table.name}/_anchor.parquet"
    keys = {key: 0 if key == "dim" else ANCHOR for key in table.partitions}
    return partition(table.name, keys) + "/_anchor.parquet"


def check_name(what: str, name: str) -> str:
    """`name`, if it can be a folder's name on every store.

    Raises CmrError if it is empty, longer than 150 bytes, not valid Unicode, begins or ends badly,
    or has control characters.
    """
    try:
        encoded = quote(name, safe="")
    except UnicodeEncodeError:
        raise CmrError(f"{what} {name!a} is not valid Unicode") from None
    if not name.strip() or name != name.strip():
        raise CmrError(f"{what} {name!r} must not be empty nor begin or end with a space")
    if name.startswith((".", "_")) or any(ord(letter) < 32 for letter in name):
        raise CmrError(
            f"{what} {name!r} must not begin with '.' or '_' nor contain control characters"
        )
    if len(encoded) > 150:
        raise CmrError(f"{what} {name[:30]!r}… is too long: {len(encoded)} bytes, at most 150")
    return name
