"""The ids that a file of judgments or of lists names, held against those of a data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from cmr.errors import CmrError
from cmr.sources.collection import TEXT, VISUAL
from cmr.sources.qrels import QrelsRows
from cmr.sources.runlists import RunRows
from cmr.sources.trecids import decoded, need_encoding

Ids = Mapping[str, pa.Array]
Rows = TypeVar("Rows", QrelsRows, RunRows)


def spelt(rows: Rows, ids: Ids) -> Rows:
    """The rows with ids as in the data set, if the TREC file percent-encodes them.

    cmr percent-encodes all ids of a data set if one contains white space. The spelling by which
    more rows name existing items is right; if both do equally, whether cmr would encode decides.
    """
    if not rows.fields or not any("%" in name for name in (*rows.queries, *rows.items)):
        return rows
    other = replace(rows, queries=[*map(decoded, rows.queries)], items=[*map(decoded, rows.items)])
    as_is, as_decoded = (_fitting(one, ids) for one in (rows, other))
    ours = need_encoding(name for side in ids.values() for name in side.to_pylist())
    return other if (as_decoded, ours) > (as_is, False) else rows


def _fitting(rows: QrelsRows | RunRows, ids: Ids) -> int:
    """How many rows name a text and a visual of the data set, whichever is the query."""
    known = {side: set(names.to_pylist()) for side, names in ids.items()}
    return sum(
        (q in known[TEXT] and i in known[VISUAL]) or (q in known[VISUAL] and i in known[TEXT])
        for q, i in zip(rows.queries, rows.items, strict=True)
    )


def direction_of(rows: QrelsRows | RunRows, ids: Ids, dataset: str) -> str:
    """The direction in which more rows name items of the data set.

    Raises CmrError if both fit alike, or neither.
    """
    queries, items = pa.array(rows.queries, pa.string()), pa.array(rows.items, pa.string())
    fits = {
        way: pc.sum(
            pc.and_(pc.is_in(queries, value_set=ids[ask]), pc.is_in(items, value_set=ids[find]))
        ).as_py()
        for way, ask, find in (("t2v", TEXT, VISUAL), ("v2t", VISUAL, TEXT))
    }
    if fits["t2v"] == fits["v2t"]:
        if fits["t2v"]:
            raise CmrError(
                f"{rows.path}: the ids of queries and items fit texts as well as visuals of "
                f"{dataset!r}; --direction t2v or v2t says which are the queries"
            )
        raise CmrError(
            f"{rows.path}: no row names a text and a visual of {dataset!r}; the first row's are "
            f"{rows.queries[0]!r} and {rows.items[0]!r}, the data set's such as "
            f"{ids[TEXT][0].as_py()!r} and {ids[VISUAL][0].as_py()!r}"
        )
    return "t2v" if fits["t2v"] > fits["v2t"] else "v2t"
