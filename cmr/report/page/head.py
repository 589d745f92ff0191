"""The top of a part of the page: the answer, and what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cmr.protocols import GROUPED_QRELS
from cmr.protocols import plain as plain_protocol
from cmr.report.answer import NEAR_CHANCE, NO_BASELINE, TOO_FEW, Answer, sure_sql, why_sql
from cmr.report.answer import answer as answered
from cmr.report.languages import Translate
from cmr.report.page import questions
from cmr.report.page.column_labels import DIRECTIONS, MEASURES, sentences
from cmr.report.page.exhibit import Exhibit, ask
from cmr.report.page.number_text import interval, percent, plain
from cmr.report.subject import Subject
from cmr.rows import Row

if TYPE_CHECKING:
    import duckdb


def answer(
    con: duckdb.DuckDBPyConnection,
    subject: Subject,
    retain: float,
    key: str,
    lang: str,
    _: Translate,
) -> dict[str, Any]:
    """The recommendation in words and figures, with the queries behind it."""
    found_out = answered(con, subject, retain)
    best, held = found_out.smallest, found_out.baseline
    share = percent(retain, 4).rstrip("%").rstrip("0").rstrip(".") + "%"
    if found_out.why_not is not None:
        return {
            "lead": [(_("No representation is recommended."), False)],
            "sentence": _not_said(found_out, share, _),
            "chosen": ask(con, f"{key}-answer", why_sql(subject, retain)),
            "kept": None,
            "tiles": [],
        }
    chosen = ask(con, f"{key}-answer", sure_sql(subject, retain))
    told = []
    if held.missing is not None:
        lacking = _("Native fp32 was not evaluated, so it is not the baseline here: add {options}.")
        told.append(lacking.format(options=held.missing))
    if best is None:
        sentence = _(
            "In at least one direction or measure the lower end of what each keeps of the "
            "baseline, {baseline}, lies below that share, at a level that holds for all of them "
            "together. More queries raise it."
        ).format(baseline=held.name)
        return {
            "lead": [(_("No representation is sure to keep {share}.").format(share=share), False)],
            "sentence": sentences([sentence, *told], lang),
            "chosen": chosen,
            "kept": None,
            "tiles": [],
        }
    name = f"{best['dim']} {best['dim_method']} {best['precision']}"
    sql = questions.kept(subject, best["dim"], best["dim_method"], best["precision"], 10)
    kept = ask(con, f"{key}-kept", sql)
    found = {
        "chosen": chosen,
        "kept": kept,
        "kept_rows": _kept_rows(kept.rows, _),
        "tiles": _tiles(con, subject, best, kept, _),
    }
    base = round(best["vector_bytes"] / best["share"])
    if best["is_baseline"]:
        text = _("Stay with {name}: nothing smaller is sure to keep {share}.").replace(
            "{share}", share
        )
        sentence = _(
            "It is the baseline itself. What every smaller representation keeps has its lower "
            "end below that share in at least one direction or measure."
        )
    else:
        text = _("{name} keeps at least {low} of the quality in {part} of the bytes.")
        text = text.replace("{low}", percent(best["low"])).replace(
            "{part}", percent(best["share"], 1)
        )
        sentence = _(
            "It is the smallest representation that is sure to keep {share} of the baseline, "
            "{baseline}: in every direction and measure below, over the whole gallery, the lower "
            "end of what it keeps lies above that, at a level that holds for all candidates "
            "together, on queries that it was learnt without. A vector takes {bytes} bytes "
            "instead of {base}."
        ).format(
            share=share, baseline=held.name, bytes=f"{best['vector_bytes']:,}", base=f"{base:,}"
        )
    before, _name, after = text.partition("{name}")
    return {
        **found,
        "lead": [(before, False), (name, True), (after, False)],
        "sentence": sentences([sentence, *told], lang),
    }


def _not_said(found: Answer, share: str, _: Translate) -> str:
    """Why nothing is recommended, and what would help."""
    why = found.why_not
    assert why is not None
    if why["kind"] == NO_BASELINE:
        return _(
            "Native fp32 was not evaluated, and an expanded dimension cannot serve as the "
            "baseline: add {options}."
        ).format(options=found.baseline.missing)
    if why["kind"] == TOO_FEW:
        return _("{count} visual items are too few: at least {fewest} are needed.").format(
            count=why["clusters"], fewest=why["fewest"]
        )
    if why["kind"] == NEAR_CHANCE:
        name = why["measure"] if why["k"] is None else f"{why['measure']}@{why['k']}"
        return _(
            "{measure} of the baseline, {baseline}, is {value}: not clearly above the {chance} "
            "that a random ranking expects. How much others keep of it means nothing."
        ).format(
            measure=_(MEASURES.get(name, name)),
            baseline=found.baseline.name,
            value=plain(why["baseline_value"]),
            chance=plain(why["chance"]),
        )
    return _(
        "{count} visual items are too few to be sure of {share}: even if no query differed from "
        "the baseline, {baseline}, no more than {low} would be sure. About {needed} are "
        "needed."
    ).format(
        count=plain(why["clusters"]), share=share, baseline=found.baseline.name,
        low=percent(why["alike_low"]), needed=plain(why["needed"]),
    )  # fmt: skip


def _kept_rows(rows: list[Row], _: Translate) -> list[Row]:
    return [
        {
            "direction": _(DIRECTIONS[row["direction"]]),
            "measure": _(MEASURES[row["measure"]]),
            "baseline": plain(row["baseline_value"]),
            "value": plain(row["value"]),
            "kept": percent(row["retention"]),
            "interval": interval(row["ci_low"], row["ci_high"]),
        }
        for row in rows
    ]


def _tiles(
    con: duckdb.DuckDBPyConnection, subject: Subject, best: Row, kept: Exhibit, _: Translate
) -> list[tuple[str, str, str]]:
    tiles = [
        (
            f"{best['vector_bytes']:,} B",
            _("a vector"),
            _("{part} of the baseline's").format(part=percent(best["share"], 1)),
        )
    ]
    for row in kept.rows:
        if row["measure"] == "recall@10":
            label = _("of Recall@10 kept, {way}").format(way=_(DIRECTIONS[row["direction"]]))
            within = _("95% interval: {interval}").format(
                interval=interval(row["ci_low"], row["ci_high"])
            )
            tiles.append((percent(row["retention"]), label, within))
    return tiles


def measured(
    con: duckdb.DuckDBPyConnection, subject: Subject, key: str, lang: str, _: Translate
) -> dict[str, Any]:
    """What was measured, in a paragraph."""
    found = ask(con, f"{key}-measured", questions.measured(subject))
    row = found.rows[0]
    told = [
        _(
            "The data set {dataset} has {texts} texts and {visuals} visuals, of which {judgments} "
            "pairs are judged relevant."
        ).format(
            dataset=subject.dataset,
            texts=plain(row["texts"]),
            visuals=plain(row["visuals"]),
            judgments=plain(row["judgments"]),
        ),
        _(
            "Vectors of the model {model} were stored in {count} representations, and every query "
            "was scored against the whole gallery from what is stored."
        ).format(model=subject.model, count=len(row["representations"])),
    ]
    if row["t2v_queries"]:
        told.append(
            _("{count} texts search for their visuals.").format(count=plain(row["t2v_queries"]))
        )
    if row["v2t_queries"] and subject.qrels != GROUPED_QRELS:
        told.append(
            _("{count} visuals search for their texts.").format(count=plain(row["v2t_queries"]))
        )
    if subject.qrels == GROUPED_QRELS:
        told.append(
            _(
                "Captions are grouped: what is ranked are the visuals that have some, each by the "
                "best of its captions."
            )
        )
    if "expected" in map(plain_protocol, row["protocols"]):
        told.append(
            _(
                "For pools of C = {sizes} candidates the figures are exact expectations over all "
                "random pools, without sampling noise."
            ).format(sizes=", ".join(map(plain, row["candidates"])))
        )
    elif "sampled" in map(plain_protocol, row["protocols"]):
        sizes = ", ".join(map(plain, row["sampled_candidates"]))
        told.append(_("Pools of C = {sizes} candidates were drawn.").format(sizes=sizes))
    if subject.qrels not in ("default", GROUPED_QRELS):
        told.append(_("The judgments are those called {name}.").format(name=subject.qrels))
    return {"measured": found, "told": sentences(told, lang)}
