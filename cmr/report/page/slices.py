"""The page's slices: where the recommended representation loses most against the baseline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cmr.answers import fetch
from cmr.report.languages import Translate
from cmr.report.page import charts, gallery_questions
from cmr.report.page.column_labels import DIRECTIONS, columns
from cmr.report.page.exhibit import as_json, ask
from cmr.report.page.section_texts import ALTS, SECTIONS
from cmr.rows import Row

if TYPE_CHECKING:
    import duckdb

KIND, LEVEL = "slices", 0.05
_CHOSEN = ("dim", "dim_method", "precision", "variant")
Pair = tuple[Row, Row]


def recommended(
    one: Mapping[str, Any], baselines: Mapping[str, str | None]
) -> dict[str, tuple[Row, Row]]:
    """The baseline and the recommended run by direction, where one smaller is recommended."""
    rows = one["chosen"].rows
    if one["kept"] is None or not rows or rows[0]["is_baseline"]:
        return {}
    runs = {run["run_id"]: run for run in one["runs"]}
    return {
        run["direction"]: (runs[base], run)
        for run in runs.values()
        if all(run[name] == rows[0][name] for name in _CHOSEN)
        and (base := baselines.get(run["run_id"])) in runs
    }


def slices(
    con: duckdb.DuckDBPyConnection,
    one: Mapping[str, Any],
    pairs: Mapping[str, Pair],
    _: Translate,
) -> dict[str, Any] | None:
    """The section; None where nothing smaller is recommended, or no attribute makes two slices."""
    if not pairs:
        return None
    if not fetch(con, "from query_slices limit 1").num_rows:
        return None
    exhibits = []
    for way, (a, b) in pairs.items():
        found = ask(
            con, f"{one['id']}-slices-{way}", gallery_questions.slices(a["run_id"], b["run_id"])
        )
        found.title, found.empty = _(DIRECTIONS[way]), _("There is nothing to show here.")
        if found.rows:
            found.spec = as_json(charts.slices(found.rows, columns(_), _))
            found.alt = _(ALTS[KIND]).format(way=found.title, count=len(found.rows))
        exhibits.append(found)
    if not any(found.rows for found in exhibits):
        return None
    title, about = SECTIONS[KIND]
    return {"id": f"{KIND}-{one['id']}", "title": _(title), "about": _(about), "charts": exhibits}


def worst(section: Mapping[str, Any] | None, way: str) -> tuple[str, str] | None:
    """The attribute and value of the slice that loses most, where it is shown to lose."""
    charts_of = section["charts"] if section else []
    for found in charts_of:
        if found.key.endswith(f"-{way}") and found.rows:
            row = found.rows[0]
            lost = row["difference"] < 0 and (row["p_holm"] or 0.0) < LEVEL
            return (row["name"], row["slice"]) if lost else None
    return None
