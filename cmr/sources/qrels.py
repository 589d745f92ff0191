"""Files of relevance judgments: TREC qrels, tables, and JSON maps such as eccv_caption's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cmr.errors import CmrError
from cmr.sources.jsonfile import load_json
from cmr.sources.phrases import kind_of, shown
from cmr.sources.tables import SourceTable, known_column, of_objects, read_table
from cmr.sources.text import is_unicode, read_text
from cmr.sources.user_files import no_file
from cmr.sources.whole_numbers import whole_number

FORMATS = ("trec", "table", "json")
TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".pq", ".arrow", ".feather")
TEXTS = ("text_id", "caption_id")
VISUALS = ("visual_id", "image_id", "video_id")
QUERIES = ("query_id", "query-id", "q_id", "qid", "query")
ITEMS = ("item_id", "doc_id", "docid", "corpus_id", "corpus-id", "document_id")
RELEVANCES = ("relevance", "score", "rel", "label")
# 2 to this power is still finite, and so is NDCG's exponential gain.
LARGEST_RELEVANCE = 1000


@dataclass(frozen=True)
class QrelsRows:
    """Judgments as in a file, (rows,) each.

    `sided`: whether the file's columns say that `queries` are texts and `items` visuals; otherwise
    the queries may be either. `one_way`: whether the format covers only one direction. `fields`:
    whether it separates ids by white space, so that they may be percent-encoded.
    """

    path: str
    queries: list[str]
    items: list[str]
    relevance: list[int]
    sided: bool = False
    one_way: bool = False
    fields: bool = False


def read_qrels(path: str, form: str | None = None, separator: str | None = None) -> QrelsRows:
    """Read a file of judgments; the extension determines the format if `form` is None.

    trec: `query 0 item relevance` per line. table: CSV, TSV, JSON lines, Parquet or Arrow with
    columns of texts and visuals or of queries and items, and optionally of relevance, which
    defaults to 1. json: `{query: [items]}`, as in eccv_caption, `{query: {item: relevance}}`, or a
    table's rows as objects. `separator`: of a text table, detected if None.
    Raises CmrError naming the file, the line and what is wrong with it.
    """
    if not Path(path).is_file():
        raise no_file(path)
    form = form or _format(path)
    rows = (
        _table(path, separator)
        if form == "table" or separator is not None
        else {"trec": _trec, "json": _json}[form](path)
    )
    if not rows.queries:
        raise CmrError(f"{path} holds no judgment")
    for place, value in enumerate(rows.relevance):
        if value > LARGEST_RELEVANCE:
            raise CmrError(
                f"{path}: judgment {place} has the relevance {shown(value)}, "
                f"more than {LARGEST_RELEVANCE}"
            )
    return rows


def _format(path: str) -> str:
    ending = Path(path).suffix.lower()
    if ending in TABLES:
        return "table"
    return "json" if ending == ".json" else "trec"


def _trec(path: str) -> QrelsRows:
    queries, items, relevance = [], [], []
    for number, line in enumerate(read_text(path).split("\n"), 1):
        fields = line.split()
        if not fields:
            continue
        if len(fields) != 4:
            what = ", which is a run's line" if len(fields) == 6 else ""
            raise CmrError(
                f"{path}: line {number} has {len(fields)} fields{what}; "
                "qrels have 4: query, 0, item, relevance"
            )
        queries.append(fields[0])
        items.append(fields[2])
        relevance.append(_whole(f"{path}: line {number}", fields[3]))
    return QrelsRows(path, queries, items, relevance, fields=True)


def _table(path: str, separator: str | None) -> QrelsRows:
    return _columns(path, read_table(path, separator))


def _columns(path: str, table: SourceTable) -> QrelsRows:
    sided = (
        known_column(table.columns, TEXTS) is not None
        and known_column(table.columns, VISUALS) is not None
    )
    known = (TEXTS, VISUALS) if sided else (QUERIES, ITEMS)
    names = [known_column(table.columns, choice) for choice in known]
    if None in names:
        raise CmrError(
            f"{path} has neither text_id and visual_id nor query_id and item_id; "
            f"it has {table.listed()}"
        )
    graded = known_column(table.columns, RELEVANCES)
    queries, items = (
        [file_id(table.where(row), value) for row, value in enumerate(table.column(name))]
        for name in names
        if name is not None
    )
    relevance = [1] * len(queries)
    if graded is not None:
        told = table.column(graded)
        relevance = [_whole(table.where(row), value) for row, value in enumerate(told)]
    return QrelsRows(path, queries, items, relevance, sided)


def _json(path: str) -> QrelsRows:
    data = load_json(path)
    if isinstance(data, list) and data and all(isinstance(row, dict) for row in data):
        return _columns(path, of_objects(path, data))
    if not isinstance(data, dict):
        raise CmrError(f"{path} holds {kind_of(data)}, expected {{query: [items]}}")
    queries, items, relevance = [], [], []
    for query, told in data.items():
        where = f"{path}: {query!r}"
        if isinstance(told, dict):
            graded = [(_unicode(where, one), _whole(where, value)) for one, value in told.items()]
        elif isinstance(told, list):
            graded = [(file_id(where, item), 1) for item in told]
        else:
            raise CmrError(f"{where} is {kind_of(told)}, expected a list of items")
        for item, value in graded:
            queries.append(_unicode(path, query))
            items.append(item)
            relevance.append(value)
    return QrelsRows(path, queries, items, relevance, one_way=True)


def file_id(where: str, value: Any) -> str:
    """An id in a file. Raises CmrError unless it is a text or a whole number."""
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise CmrError(f"{where} has {shown(value)} where an id is expected")
    return _unicode(where, str(value))


def _unicode(where: str, text: str) -> str:
    if not is_unicode(text):
        raise CmrError(f"{where} has an id that is not valid Unicode: {text!a:.60}")
    return text


def _whole(where: str, value: Any) -> int:
    try:
        return whole_number(value)
    except ValueError:
        raise CmrError(
            f"{where} has the relevance {shown(value)}, expected a whole number"
        ) from None
