"""BaselineRuns files: what a gate needs of runs, small enough to be committed to a repository.

A Parquet file with one row per query and relevant item: the counts on which claims about the run
rest (the view `evidence`), without item ids, scores and vectors. Its metadata has the runs' rows
and a checksum of everything.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from cmr.answers import fetch, quoted
from cmr.errors import CmrError
from cmr.identity import table_hash
from cmr.plain import open_plain
from cmr.rows import Row
from cmr.views import connect
from cmr.warehouse.catalogue_rows import to_rows
from cmr.warehouse.schemas import CASES, RANKS, RUNS
from cmr.warehouse.storage import parquet_bytes
from cmr.warehouse.store import Store

# What comparisons do not read, or find out by themselves.
_LEFT_OUT = ("item_id", "score", *CASES)
COUNTS = pa.schema(
    [pa.field("run_id", pa.string())]
    + [field for field in RANKS.schema if field.name not in _LEFT_OUT]
)
_KEY, _VERSION = b"cmr.baseline", 1
# The warehouse's files are not in it.
_NO_FILES: Row = {"files": [], "checksums": None, "footers": None}
# Bytes that the rows of runs may take.
_MOST = 16 << 20
# Run ids from a file begin with this, as the warehouse may have the same runs.
PREFIX = "baseline-"


@dataclass(frozen=True)
class BaselineRuns:
    """Runs of a file: their rows of `runs`, and their counts with the columns of COUNTS."""

    rows: list[Row]
    counts: pa.Table


def packed(warehouse: Store, rows: Sequence[Row]) -> bytes:
    """A baseline file of runs of a warehouse, by their rows of `runs`."""
    listed = ", ".join(quoted(row["run_id"]) for row in rows)
    con = connect(warehouse.root, "from evidence")
    names = ", ".join(COUNTS.names)
    counts = fetch(
        con, f"select {names} from evidence where run_id in ({listed}) order by all"
    ).cast(COUNTS)
    known = [{**(warehouse.find(RUNS, row["run_id"]) or {}), **_NO_FILES} for row in rows]
    held = _as_text(pa.Table.from_pylist(known, RUNS.schema))
    mark = json.dumps({"version": _VERSION, "runs": held, "sha256": _digest(held, counts)})
    return parquet_bytes(counts.replace_schema_metadata({_KEY: mark.encode()}))


def load(path: str) -> BaselineRuns:
    """Read a baseline file. Raises CmrError if it is none, or differs from what was written."""
    try:
        with open_plain(path) as stream:
            table = pq.read_table(pa.BufferReader(stream.read()), use_threads=False)
        mark = json.loads((table.schema.metadata or {})[_KEY])
        if mark["version"] != _VERSION:
            raise CmrError(
                f"{path} is from another version of cmr; `cmr gate --save` makes it anew"
            )
        counts = table.replace_schema_metadata(None)
        if counts.schema != COUNTS or mark["sha256"] != _digest(mark["runs"], counts):
            raise CmrError(f"{path} is damaged; `cmr gate --save` makes it anew")
        rows = to_rows(_from_text(mark["runs"]))
    except OSError as error:
        raise CmrError(f"cannot read {path}: {error.strerror or error}") from None
    except (KeyError, TypeError, ValueError, zlib.error, pa.ArrowException):
        raise CmrError(f"{path} is not a baseline file; `cmr gate --save` makes one") from None
    ids = pa.array([PREFIX + str(one) for one in counts["run_id"].to_pylist()], pa.string())
    return BaselineRuns(
        [{**row, "run_id": PREFIX + row["run_id"]} for row in rows],
        counts.set_column(0, COUNTS.field("run_id"), ids),
    )


def _as_text(table: pa.Table) -> str:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write(table)
    return base64.b64encode(zlib.compress(sink.getvalue(), 9)).decode()


def _from_text(text: str) -> pa.Table:
    """What `_as_text` was given; ValueError for what is larger than rows can be."""
    unpacked = zlib.decompressobj()
    data = unpacked.decompress(base64.b64decode(text), _MOST)
    if not unpacked.eof:
        raise ValueError("the rows of runs do not end")
    return pa.ipc.open_stream(data).read_all()


def _digest(rows: str, counts: pa.Table) -> str:
    return hashlib.sha256(f"{rows}\n{table_hash([counts.combine_chunks()])}".encode()).hexdigest()
