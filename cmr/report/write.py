"""Write the report: the page, the summary, tables and plots."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from cmr.answers import fetch
from cmr.errors import CmrError
from cmr.materialised import prepare
from cmr.plain import open_plain
from cmr.progressbar import Advance, ProgressBar, no_bar
from cmr.report import page
from cmr.report.findings import VIEWS, Findings, read, rounded
from cmr.report.paper_tables import kept, pools
from cmr.report.plot_list import Draw, look_for, plots
from cmr.report.plots.style import Look, drawn
from cmr.report.subject import subjects
from cmr.report.summary_json import BOARD, SCHEMA, schema, summarise
from cmr.report.typeset import latex, markdown
from cmr.report.written_files import publish, stems
from cmr.rows import Row
from cmr.score.search.scorer_kinds import TORCH
from cmr.views import connect
from cmr.warehouse.store import Store

if TYPE_CHECKING:
    import duckdb

SUMMARY = "experiment_summary.json"
PAGE = "index.html"
RETAIN = 0.99
# Files that an earlier report may have left in its folders.
_OURS = re.compile(r"(plots|tables)/[^/\\\0\ud800-\udfff]+\.(png|svg|md|tex)")


@dataclass(frozen=True)
class Which:
    """Which runs a report covers: by data sets, models and ids; empty means all."""

    datasets: Sequence[str] = ()
    models: Sequence[str] = ()
    run_ids: Sequence[str] | None = None


def write_report(
    root: str,
    out: str,
    *,
    which: Which = Which(),
    lang: str = "en",
    images: str | None = None,
    flips: Sequence[tuple[str, str]] = (),
    bar: ProgressBar = no_bar,
) -> list[str]:
    """Write the report of a warehouse's runs below the folder `out`; returns the paths.

    `images` and `flips` as in `page.build`. Either all files appear at the end, or none. Raises
    CmrError if there are no such runs, for an unknown language or one that no font covers, and if
    `out` cannot be written.
    """
    look_for(lang, [])
    warehouse = Store.open(root)
    con = connect(warehouse.root)
    chosen = _chosen(con, which)
    con.register("asked", pa.table({"run_id": pa.array(chosen)}))
    prepare(con, warehouse, VIEWS, chosen, bar)
    found = [read(con, subject) for subject in subjects(con, chosen)]
    look = look_for(lang, found)
    html = page.build(con, chosen, lang=lang, retain=RETAIN, flips=flips, images=images)
    names = stems([_names(one) for one in found])
    planned = {
        f"plots/{name}": draw
        for one, stem in zip(found, names, strict=True)
        for name, draw in plots(look, one, stem)
    }
    texts = dict(_tables(look, lang, zip(found, names, strict=True)))
    files = {PAGE: html, SCHEMA: schema(), **dict(_csvs(con, found)), **texts}
    there = [SUMMARY, *files, *(f"{name}.{kind}" for name in planned for kind in ("png", "svg"))]
    summary = summarise(con, found, RETAIN, there).encode()
    earlier = _earlier(Path(out))
    with bar("plots", len(planned), "plots") as advance:
        drawings = _drawings(look, planned, advance)
        # The summary comes last: if it exists, so does the rest.
        return publish(
            out, chain(files.items(), drawings, [(SUMMARY, summary)]), sorted(earlier - set(there))
        )


def _chosen(con: duckdb.DuckDBPyConnection, which: Which) -> list[str]:
    """The requested runs. Raises CmrError, naming what there is, for a name without runs."""
    runs = fetch(con, "select run_id, dataset, model from runs order by run_id").to_pylist()
    if not runs:
        raise CmrError("there are no runs to report; `cmr evaluate` makes them")
    for what, asked in (("dataset", which.datasets), ("model", which.models)):
        there = sorted({row[what] for row in runs})
        for name in asked:
            if name not in there:
                raise CmrError(f"no run has the {what} {name!r}; there is {', '.join(there)}")
    chosen = [
        row["run_id"]
        for row in runs
        if (not which.datasets or row["dataset"] in which.datasets)
        and (not which.models or row["model"] in which.models)
        and (which.run_ids is None or row["run_id"] in which.run_ids)
    ]
    if not chosen:
        raise CmrError("no run matches these data sets and models")
    return chosen


def _names(found: Findings) -> tuple[str, ...]:
    """The stem of a subject's file names, which leaves out defaults."""
    of = found.subject
    further = [
        name
        for name, usual in ((of.qrels, "default"), (of.scorer, TORCH), (of.variant or "", ""))
        if name != usual
    ]
    return (of.dataset, of.model, *further)


def _tables(
    look: Look, lang: str, found: Iterable[tuple[Findings, str]]
) -> Iterator[tuple[str, bytes]]:
    for one, stem in found:
        for name, table in (("gallery", kept(look, one)), ("pools", pools(look, one))):
            if table is not None:
                yield f"tables/{stem}_{name}.tex", latex(table, lang, f"{stem}-{name}").encode()
                yield f"tables/{stem}_{name}.md", markdown(table).encode()


def _csvs(con: duckdb.DuckDBPyConnection, found: Sequence[Findings]) -> Iterator[tuple[str, bytes]]:
    tables = {
        "leaderboard": rounded(fetch(con, BOARD)),
        "metrics": [row for one in found for row in one.metrics],
        "retention": [row for one in found for row in one.kept],
        "tradeoffs": [row for one in found for row in one.costs],
        "speed": [row for one in found for row in one.speeds],
        "ranks": [row for one in found for row in one.ranks],
        "comparisons": [row for one in found for rows in one.compared.values() for row in rows],
    }
    for name, rows in tables.items():
        if rows:
            yield f"{name}.csv", _csv(rows)


def _csv(rows: list[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _drawings(
    look: Look, planned: dict[str, Draw], advance: Advance
) -> Iterator[tuple[str, bytes]]:
    for name, draw in planned.items():
        yield from drawn(look, name, draw)
        advance(1)


def _earlier(out: Path) -> set[str]:
    """Plots and tables listed by the report previously written here."""
    try:
        with open_plain(out / SUMMARY) as file:
            listed = json.loads(file.read())["files"]
        return {name for name in listed if _OURS.fullmatch(name)}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return set()
