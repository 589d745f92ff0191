"""Further judgments for a data set in the warehouse, under their own name."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from cmr.errors import CmrError
from cmr.identity import table_hash
from cmr.pipeline.datasets import reject_table
from cmr.pipeline.file_ids import Ids, direction_of, spelt
from cmr.pipeline.judged_data import find_dataset, item_ids
from cmr.pipeline.request import DEFAULT_QRELS
from cmr.protocols import GROUPED_QRELS
from cmr.sources.collection import TEXT, VISUAL, Reject, check_max_rejects
from cmr.sources.qrels import QrelsRows
from cmr.warehouse.claims import of_qrels
from cmr.warehouse.layout import check_name, partition
from cmr.warehouse.schemas import EXTRA_QRELS, QRELS_SETS, REJECTS
from cmr.warehouse.store import Store
from cmr.warehouse.verified import is_sound

BOTH = "both"


@dataclass(frozen=True)
class StoredJudgments:
    """What was stored: pairs and queries by direction, and the rejected rows."""

    dataset: str
    name: str
    queries: dict[str, int]
    pairs: int
    not_relevant: int
    rejects: list[Reject]
    new: bool
    seconds: float


def ingest_qrels(
    root: str,
    dataset: str | None,
    name: str,
    files: Sequence[QrelsRows],
    direction: str | None = None,
    one_way: bool = False,
    max_rejects: float = 0.01,
) -> StoredJudgments:
    """Store judgments of `files` under `name`.

    `direction`: of the files' queries; None infers it from the ids. `one_way`: they apply to that
    direction only; otherwise to both, unless the files cover both. `max_rejects`: the share of a
    file's rows that may name items missing from the data set; these become rejects. More of them
    raise CmrError, as do pairs judged twice. Rows with relevance 0 or less are left out and
    counted.
    """
    clock = time.perf_counter()
    check_max_rejects(max_rejects)
    check_name("--name", name)
    if name == DEFAULT_QRELS:
        raise CmrError(f"{DEFAULT_QRELS!r} are the data set's own judgments; choose another --name")
    if name == GROUPED_QRELS:
        raise CmrError(
            f"{name!r} is what runs of grouped captions are called; choose another --name"
        )
    warehouse = Store.open(root)
    data = find_dataset(warehouse, dataset)
    ids = {side: item_ids(warehouse, data, side) for side in (TEXT, VISUAL)}
    files = [spelt(rows, ids) for rows in files]
    ways = [direction or _direction(rows, ids, data["dataset"]) for rows in files]
    apart = one_way or len(set(ways)) > 1
    tables, rejects, ignored = [], list[Reject](), 0
    for rows, way in zip(files, ways, strict=True):
        table = _table(rows, way, way if apart else BOTH)
        relevant = table.filter(pc.greater(table["relevance"], 0))
        ignored += table.num_rows - relevant.num_rows
        known, unknown = _known(rows, relevant, ids)
        if len(unknown) > max_rejects * relevant.num_rows:
            raise CmrError(
                f"{rows.path}: {len(unknown):,} of {relevant.num_rows:,} judgments name items that "
                f"{data['dataset']!r} lacks, more than --max-rejects {max_rejects:g} allows; the "
                f"first is of {unknown[0].source_row.partition(': ')[2]}"
            )
        rejects += unknown
        tables.append(known)
    found = pa.concat_tables(tables).combine_chunks()
    _check(found)
    new = _store(warehouse, data["dataset"], name, found, files, (rejects, ignored), clock)
    return StoredJudgments(
        data["dataset"],
        name,
        {way: _queries(found, way) for way in ("t2v", "v2t")},
        found.num_rows,
        ignored,
        rejects,
        new,
        time.perf_counter() - clock,
    )


def _direction(rows: QrelsRows, ids: Ids, dataset: str) -> str:
    return "t2v" if rows.sided else direction_of(rows, ids, dataset)


def _table(rows: QrelsRows, way: str, stands_for: str) -> pa.Table:
    texts, visuals = (rows.queries, rows.items)[:: 1 if way == "t2v" else -1]
    columns = {
        "direction": [stands_for] * len(rows.queries),
        "text_id": texts,
        "visual_id": visuals,
        "relevance": rows.relevance,
    }
    return pa.table(columns, schema=EXTRA_QRELS.schema)


def _known(rows: QrelsRows, table: pa.Table, ids: Ids) -> tuple[pa.Table, list[Reject]]:
    """The rows whose items exist, and the others."""
    here = pc.and_(
        pc.is_in(table["text_id"], value_set=ids[TEXT]),
        pc.is_in(table["visual_id"], value_set=ids[VISUAL]),
    )
    name = Path(rows.path).name
    rejects = [
        Reject(
            f"{name}: text {row['text_id']!r}, visual {row['visual_id']!r}",
            "the data set lacks one of these items",
        )
        for row in table.filter(pc.invert(here)).to_pylist()
    ]
    return table.filter(here), rejects


def _check(found: pa.Table) -> None:
    if not found.num_rows:
        raise CmrError("no judgment is left")
    keys = ["direction", "text_id", "visual_id"]
    counted = found.group_by(keys).aggregate([([], "count_all")])
    twice = counted.filter(pc.greater(counted["count_all"], 1))
    if twice.num_rows:
        first = twice.slice(0, 1).to_pylist()[0]
        raise CmrError(
            f"{twice.num_rows:,} pairs are judged twice, the first is of text "
            f"{first['text_id']!r} and visual {first['visual_id']!r}"
        )


def _queries(found: pa.Table, way: str) -> int:
    mine = found.filter(pc.is_in(found["direction"], value_set=pa.array([way, BOTH])))
    return int(pc.count_distinct(mine["text_id" if way == "t2v" else "visual_id"]).as_py())


def _store(
    warehouse: Store,
    dataset: str,
    name: str,
    found: pa.Table,
    files: Sequence[QrelsRows],
    left_out: tuple[list[Reject], int],
    clock: float,
) -> bool:
    """Write the judgments and their catalogue row; returns whether they are new."""
    keys = {"dataset": dataset, "qrels": name}
    settings: dict[str, Any] = {"files": [Path(rows.path).name for rows in files]}
    order = found.sort_by([(column, "ascending") for column in found.column_names[:3]])
    mark = table_hash([order])[:16]
    with warehouse.claim(of_qrels(dataset, name)):
        there = warehouse.find(QRELS_SETS, f"{dataset}/{name}")
        if there is not None:
            if there["fingerprint"] == mark and is_sound(warehouse.storage, there):
                return False
            if there["fingerprint"] != mark:
                raise CmrError(
                    f"the warehouse has other judgments of {dataset!r} under the name {name!r}; "
                    "choose another --name"
                )
        warehouse.sweep(partition(EXTRA_QRELS.name, keys), [])
        named = [warehouse.write(EXTRA_QRELS, keys, [order])]
        rejects, ignored = left_out
        if rejects:
            named.append(warehouse.write(REJECTS, {"dataset": dataset}, [reject_table(rejects)]))
        row = {
            **keys,
            "fingerprint": mark,
            "source": "qrels",
            "settings": json.dumps(settings, sort_keys=True),
            "judgments": found.num_rows,
            "left_out": len(rejects) + ignored,
            "files": named,
            "created_at": datetime.now(UTC),
            "seconds": time.perf_counter() - clock,
        }
        warehouse.commit(QRELS_SETS, f"{dataset}/{name}", row)
        return True
