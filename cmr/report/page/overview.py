"""The page's first tab, where there are several parts: who wins on which data, and at what cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cmr.answers import fetch, quoted
from cmr.decimals import fixed, percent
from cmr.report import named
from cmr.report.best_model import AcrossModels, across_models
from cmr.report.holm import holm
from cmr.report.languages import Translate
from cmr.report.page import questions
from cmr.report.page.column_labels import DIRECTIONS, MEASURES, sentences
from cmr.report.page.exhibit import Exhibit, ask
from cmr.report.page.palette import hue
from cmr.rows import Row
from cmr.score.search.scorer_kinds import TORCH

if TYPE_CHECKING:
    import duckdb

KEY, LEVEL = "overview", 0.05


def overview(
    con: duckdb.DuckDBPyConnection,
    parts: Sequence[Mapping[str, Any]],
    retain: float,
    lang: str,
    _: Translate,
) -> dict[str, Any] | None:
    """Per data set: sentences, a row for each part, and a chart per direction; None for one part.

    Every row is of the part's baseline, and of the smallest representation that is sure.
    """
    if len(parts) < 2:
        return None
    answers = {
        (one.dataset, one.qrels): one for one in across_models(con, retain) if one.scorer == TORCH
    }
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for part in parts:
        groups.setdefault((part["subject"].dataset, part["subject"].qrels), []).append(part)
    datas: list[dict[str, Any]] = []
    for number, ((dataset, qrels), mine) in enumerate(groups.items()):
        name = dataset if qrels == "default" else f"{dataset} · {qrels}"
        charts, found = _charts(con, number, mine, _), answers.get((dataset, qrels))
        best = {row["model"] for row in found.by_recall} if found else set()
        rows = [_row(con, part) for part in mine]
        datas.append(
            {
                "id": f"{KEY}-{number}", "name": name, "charts": charts,
                "told": _told(con, found, mine, lang, _),
                "ways": [(way, _(DIRECTIONS[way])) for way in DIRECTIONS if _has(mine, way)],
                "rows": sorted(rows, key=lambda row: (row["of"] not in best, -row["mean"])),
            }
        )  # fmt: skip
    models = sorted({part["subject"].model for part in parts})
    return {"datas": datas, "hues": {name: hue(place) for place, name in enumerate(models)}}


def _has(parts: Sequence[Mapping[str, Any]], way: str) -> bool:
    return any(way in part["ways"] for part in parts)


def _charts(
    con: duckdb.DuckDBPyConnection, number: int, mine: Sequence[Mapping[str, Any]], _: Translate
) -> list[Exhibit]:
    """Every representation of every model, against bytes; none for a single model."""
    if len({part["subject"].model for part in mine}) < 2:
        return []
    runs = sorted(run["run_id"] for part in mine for run in part["runs"])
    found = []
    for way in DIRECTIONS:
        if _has(mine, way):
            one = ask(con, f"{KEY}-{number}-{way}", questions.models(runs, way))
            one.title, one.made = _(DIRECTIONS[way]), "models"
            one.empty = _("There is nothing to show here.")
            one.alt = _("Lines of a measure against bytes a vector, {way}, by model.").format(
                way=one.title
            )
            found.append(one)
    return found


def _row(con: duckdb.DuckDBPyConnection, part: Mapping[str, Any]) -> dict[str, Any]:
    """A part's baseline in each direction, and the smallest representation that is sure."""
    of = part["subject"]
    ids = {run["run_id"] for run in part["runs"]}
    listed = ", ".join(map(quoted, sorted(ids)))
    bases = fetch(
        con, f"select distinct baseline from int_baselines where run_id in ({listed})"
    ).to_pylist()
    held = {row["baseline"] for row in bases} & ids
    shown: dict[str, Row] = {}
    for run in part["runs"]:
        if run["run_id"] in held or run["direction"] not in shown:
            shown[run["direction"]] = run
    those = ", ".join(quoted(run["run_id"]) for run in shown.values())
    scores = fetch(
        con,
        "select avg(value) as mean from retention "
        f"where measure = 'recall' and k = 10 and run_id in ({those})",
    ).to_pylist()
    best = part["chosen"].rows[0] if part["kept"] is not None else None
    any_run = next(iter(shown.values()))
    more = [of.scorer] if of.scorer != TORCH else []
    more += [of.variant] if of.variant else []
    return {
        "part": part["id"], "of": of.model, "model": " · ".join([of.model, *more]),
        "runs": {way: run["run_id"] for way, run in shown.items()},
        "keys": " ".join(f"{part['id']}-quality-{way}" for way in part["ways"]),
        "bytes": f"{any_run['vector_bytes']:,}", "mean": scores[0]["mean"] or 0.0,
        "sure": None if best is None else f"{best['dim']} {best['dim_method']} {best['precision']}",
        "sure_bytes": None if best is None else f"{best['vector_bytes']:,}",
        "low": None if best is None else percent(best["low"]),
    }  # fmt: skip


def _told(
    con: duckdb.DuckDBPyConnection,
    found: AcrossModels | None,
    mine: Sequence[Mapping[str, Any]],
    lang: str,
    _: Translate,
) -> str:
    """Who wins, who is not told apart from it, and what it costs to keep its quality."""
    if found is None or not found.by_recall or len({part["subject"].model for part in mine}) < 2:
        return "".join(text for text, _strong in mine[0]["lead"])
    told = _best(found, _)
    close = _close(con, found)
    if close:
        told.append(_("Not told apart from it: {models}.").format(models=", ".join(close)))
    told += _leads(found, _)
    best = found.smallest
    if best is not None:
        cheap = _(
            "In the fewest bytes, {bytes} a vector, {model} {name} is sure to keep {low} of that."
        )
        told.append(
            cheap.format(
                bytes=f"{best['vector_bytes']:,}", model=best["model"], low=percent(best["low"]),
                name=f"{best['dim']} {best['dim_method']} {best['precision']}",
            )
        )  # fmt: skip
    else:
        told.append(_("No representation of any model is sure to keep enough of that."))
    return sentences(told, lang)


def _best(found: AcrossModels, _: Translate) -> list[str]:
    """The best model by its baseline: one sentence, or one for each direction."""
    name = {
        row["direction"]: f"{row['dim']} {row['dim_method']} {row['precision']}"
        for row in found.by_recall
    }
    rows = sorted(found.by_recall, key=lambda row: list(DIRECTIONS).index(row["direction"]))
    scores = [f"{fixed(row['value'])} {_(DIRECTIONS[row['direction']])}" for row in rows]
    if len({row["model"] for row in rows}) == 1:
        text = _("{model} is best by its baseline, {name}: Recall@10 {values}.")
        first = rows[0]
        return [
            text.format(
                model=first["model"], name=name[first["direction"]], values=_(", ").join(scores)
            )
        ]  # fmt: skip
    text = _("{model} is best by its baseline, {name}: Recall@10 {values}.")
    return [
        text.format(model=row["model"], name=name[row["direction"]], values=score)
        for row, score in zip(rows, scores, strict=True)
    ]


def _leads(found: AcrossModels, _: Translate) -> list[str]:
    """What another model leads in than in recall: a sentence for each measure and model."""
    leads: dict[tuple[str, str], list[str]] = {}
    for row in found.elsewhere:
        score = f"{fixed(row['value'])} {_(DIRECTIONS[row['direction']])}"
        leads.setdefault((_(MEASURES[named.measure(row)]), row["model"]), []).append(score)
    text = _("By {measure}, {model} is best: {values}.")
    return [
        text.format(measure=measure, model=model, values=_(", ").join(scores))
        for (measure, model), scores in leads.items()
    ]


def _close(con: duckdb.DuckDBPyConnection, found: AcrossModels) -> list[str]:
    """Models whose baselines are nowhere significantly worse, corrected for all that is tested."""
    of = f"dataset = {quoted(found.dataset)} and qrels = {quoted(found.qrels)}"
    rows: list[Row] = fetch(
        con,
        f"""
        select model, across_models.direction, difference, p
        from across_models
        semi join (select run_id from int_baselines where run_id = baseline) using (run_id)
        where {of} and measure = 'recall' and k = 10 and model <> baseline_model
        order by model, direction
        """,
    ).to_pylist()
    worse = set()
    for row, p in zip(rows, holm(con, [row["p"] for row in rows]), strict=True):
        if p is not None and p < LEVEL and row["difference"] < 0:
            worse.add(row["model"])
    best = {row["model"] for row in found.by_recall}
    return sorted({row["model"] for row in rows} - worse - best)
