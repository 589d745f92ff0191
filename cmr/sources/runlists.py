"""Files of ranked lists: TREC runs, ranx's, MTEB's predictions, and tables."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cmr.errors import CmrError
from cmr.sources.jsonfile import load_json, loads
from cmr.sources.phrases import kind_of, shown
from cmr.sources.qrels import ITEMS, QUERIES, TABLES, file_id
from cmr.sources.tables import known_column, read_table
from cmr.sources.text import read_text
from cmr.sources.user_files import no_file

FORMATS = ("trec", "json", "table")
SCORES = ("score", "sim", "similarity")
# Of float32.
_LARGEST = float(np.finfo(np.float32).max)
# MTEB's predictions have it beside their subsets.
_META = "mteb_model_meta"


@dataclass(frozen=True)
class RunRows:
    """Ranked lists as in a file, (rows,) each, in any order: scores decide.

    `scores`: float32, as trec_eval keeps them. `tag`: the name that a TREC run gives itself.
    `fields`: whether the format separates ids by white space, so that they may be percent-encoded.
    """

    path: str
    form: str
    queries: list[str]
    items: list[str]
    scores: npt.NDArray[np.float32]
    tag: str | None = None
    fields: bool = False


def read_run(path: str, form: str | None = None, part: str | None = None) -> RunRows:
    """Read a file of ranked lists; the extension determines the format if `form` is None.

    trec: `query Q0 item rank score tag` per line, whose rank is ignored. json: `{query: {item:
    score}}`, as ranx writes it, also compressed (.lz4), or MTEB's predictions, which nest it below
    a subset and a split. table: CSV, TSV, JSON lines, Parquet or Arrow with columns of queries,
    items and scores, as ranx names them in Parquet. `part`: SUBSET/SPLIT of MTEB's predictions that
    have several. Raises CmrError naming the file, the line and what is wrong with it.
    """
    if not Path(path).is_file():
        raise no_file(path)
    form = form or _format(path)
    rows = _json(path, part) if form == "json" else {"trec": _trec, "table": _table}[form](path)
    if not rows.queries:
        raise CmrError(f"{path} holds no list")
    _refuse_twins(rows)
    return rows


def _format(path: str) -> str:
    ending = Path(path).suffix.lower()
    if ending in TABLES:
        return "table"
    return "json" if ending in (".json", ".lz4") else "trec"


def _trec(path: str) -> RunRows:
    queries, items, scores, tag = list[str](), list[str](), list[float](), None
    # Every id is held once.
    once: dict[str, str] = {}
    for number, line in enumerate(read_text(path).split("\n"), 1):
        fields = line.split()
        if not fields:
            continue
        if len(fields) != 6:
            what = ", which is a line of qrels" if len(fields) == 4 else ""
            raise CmrError(
                f"{path}: line {number} has {len(fields)} fields{what}; "
                "a run has 6: query, Q0, item, rank, score, tag"
            )
        query, _, item, _, score, tag = fields
        queries.append(once.setdefault(query, query))
        items.append(once.setdefault(item, item))
        scores.append(_score(f"{path}: line {number}", score))
    return RunRows(path, "trec", queries, items, np.array(scores, np.float32), tag, fields=True)


def _table(path: str) -> RunRows:
    table = read_table(path)
    names = [known_column(table.columns, known) for known in (QUERIES, ITEMS, SCORES)]
    if None in names:
        raise CmrError(
            f"{path} needs the columns query_id, item_id and score (or q_id and doc_id, as ranx "
            f"names them); it has {table.listed()}"
        )
    queries, items, scores = (table.column(str(name)) for name in names)
    for column in (queries, items):
        for row, value in enumerate(column):
            column[row] = file_id(table.where(row), value)
    numbers = [_score(table.where(row), value) for row, value in enumerate(scores)]
    return RunRows(path, "table", queries, items, np.array(numbers, np.float32))


def _json(path: str, part: str | None) -> RunRows:
    data = _unpacked(path)
    lists = _of_mteb(path, data, part) if isinstance(data, dict) and _META in data else data
    if not isinstance(lists, dict):
        raise CmrError(f"{path} holds {kind_of(lists)}, expected {{query: {{item: score}}}}")
    queries, items, scores = list[str](), list[str](), list[float]()
    for query, told in lists.items():
        where = f"{path}: {query!r}"
        if not isinstance(told, dict):
            raise CmrError(f"{where} is {kind_of(told)}, expected {{item: score}}")
        for item, score in told.items():
            queries.append(file_id(path, query))
            items.append(file_id(where, item))
            scores.append(_score(where, score))
    return RunRows(path, "json", queries, items, np.array(scores, np.float32))


def _unpacked(path: str) -> Any:
    """A JSON file's content; ranx compresses it with LZ4 where the name says so."""
    if Path(path).suffix.lower() != ".lz4":
        return load_json(path)
    try:
        with pa.OSFile(path) as file, pa.CompressedInputStream(file, "lz4") as stream:
            return loads(stream.read().decode())
    except (OSError, ValueError, RecursionError) as error:
        raise CmrError(f"{path} is not JSON in an LZ4 frame: {error}") from None


def _of_mteb(path: str, data: dict[str, Any], part: str | None) -> Any:
    """The lists of the only subset and split, or of those that `part` names."""
    parts = {
        f"{subset}/{split}": lists
        for subset, splits in data.items()
        if subset != _META and isinstance(splits, dict)
        for split, lists in splits.items()
    }
    if part is None and len(parts) == 1:
        return next(iter(parts.values()))
    if part not in parts:
        asked = "" if part is None else f", not {part}"
        raise CmrError(
            f"{path} has the parts {', '.join(parts) or 'none'}{asked}; name one: --part"
        )
    return parts[part]


def _refuse_twins(rows: RunRows) -> None:
    if rows.form == "json":
        # An object with a repeated key was refused.
        return
    pairs = set[tuple[str, str]]()
    for pair in zip(rows.queries, rows.items, strict=True):
        if pair in pairs:
            raise CmrError(
                f"{rows.path}: the list of query {pair[0]!r} holds the item {pair[1]!r} twice"
            )
        pairs.add(pair)


def _score(where: str, value: Any) -> float:
    """A score. Raises CmrError unless it is a number that float32 can hold."""
    if isinstance(value, str | float | int) and not isinstance(value, bool):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            number = math.nan
        if abs(number) <= _LARGEST:
            return number
    raise CmrError(f"{where} has the score {shown(value)}, expected a finite number")
