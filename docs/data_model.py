"""Writes docs/data-model.md from the comments in sql/ and the Parquet schemas: `make docs`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cmr.sqlfiles import View, glossary, views
from cmr.views import connect
from cmr.warehouse.schemas import TABLES, embeddings_schema
from cmr.warehouse.store import Warehouse

if TYPE_CHECKING:
    import duckdb

TARGET = Path(__file__).with_name("data-model.md")
HEAD = """\
# Data model

Made by `make docs` from the comments in `sql/` and the schemas in `cmr/warehouse/schemas.py`; a
test keeps it current.

A warehouse is a folder of Parquet files, one folder a table, `key=value` folders for partition
keys. A row of `datasets`, `qrels_sets`, `embedding_sets`, `runs` or `benches`, the catalogue, names
the data files that belong to it; a file that no row names does not exist. Views hold no data: they
are SQL over those files, in `sql/`, and `cmr sql` opens them. `.describe NAME` shows the same as
this page.

`metrics/run_id=…/` keeps what the view `metrics` says of each run, so that it is computed once. It
may be deleted at any time; what is there and does not fit is not used.
"""
# What stands for each argument of a table macro, to see its columns.
CALLS = {
    "compare": "compare('', '')",
    "compare_runs": "compare_runs([''])",
    "metrics_at": "metrics_at(10)",
    "metrics_for": "metrics_for(100, 10)",
    "rank_flips": "rank_flips('', '')",
    "recommend": "recommend()",
}


def page() -> str:
    """The whole page."""
    with tempfile.TemporaryDirectory() as folder:
        con = connect(Warehouse.create(f"{folder}/w").root)
        parts = [HEAD, *_tables(), *_views(con), *_macros(con), *_lists()]
    return "\n".join(parts)


def _tables() -> Iterator[str]:
    """The Parquet files, table by table."""
    known = glossary()
    notes = {view.name: view for view in views("staging")}
    yield "## Tables\n"
    for name in [*TABLES, "embeddings"]:
        view = notes[name]
        if name == "embeddings":
            keys: tuple[str, ...] = (
                "dataset", "model", "modality", "dim", "dim_method", "precision",
            )  # fmt: skip
            fields = {
                field.name: str(field.type)
                for precision in ("fp32", "int8")
                for field in embeddings_schema(8, precision)
            }
            fields["vector"] = "fixed_size_list<float or halffloat>[dim]"
            fields["codes"] = "fixed_size_binary[vector_bytes]"
        else:
            keys = TABLES[name].partitions
            fields = {field.name: str(field.type) for field in TABLES[name].schema}
        below = "/".join(f"{key}=…" for key in keys)
        yield f"### {name}\n\n`{name}/{below + '/' if below else ''}*.parquet`. {view.comment}\n"
        yield _grid(
            (column, kind, view.columns.get(column) or known.get(column, ""))
            for column, kind in fields.items()
        )


def _views(con: duckdb.DuckDBPyConnection) -> Iterator[str]:
    yield "## Views\n"
    for view in views("marts"):
        yield f"### {view.name}\n\n{view.comment}\n"
        yield _grid(_columns(con, view, view.name))


def _macros(con: duckdb.DuckDBPyConnection) -> Iterator[str]:
    yield "## Table macros\n\nViews with arguments: `from compare('3f0c', '81d2')`.\n"
    found = [view for view in views("macros") if view.name in CALLS]
    assert {view.name for view in found} == set(CALLS)
    for view in found:
        yield f"### {view.query.partition(' as table')[0]}\n\n{view.comment}\n"
        yield _grid(_columns(con, view, CALLS[view.name]))


def _lists() -> Iterator[str]:
    """The views that few people read, in a line each."""
    for layer, title, about in (
        ("checks", "Checks", "`cmr doctor` runs them; a sound warehouse has no row in any."),
        ("doubts", "Doubts", "Classic mistakes; `cmr doctor` tells what they find."),
        ("intermediate", "Intermediate views", "Steps on the way to the views above."),
    ):
        yield f"## {title}\n\n{about}\n"
        yield "| view | what it holds |\n|---|---|"
        for view in views(layer):
            yield f"| {view.name} | {_cell(view.comment)} |"
        yield ""


def _columns(
    con: duckdb.DuckDBPyConnection, view: View, source: str
) -> Iterator[tuple[str, str, str]]:
    known = glossary()
    described: list[tuple[Any, ...]] = con.execute(f"describe from {source}").fetchall()
    for column, kind, *_ in described:
        yield column, kind.lower(), view.columns.get(column) or known.get(column, "")


def _grid(rows: Iterator[tuple[str, str, str]]) -> str:
    lines = ["| column | type | meaning |", "|---|---|---|"]
    lines += [f"| {name} | {_cell(kind)} | {_cell(text)} |" for name, kind, text in rows]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
