"""Which quantiser suits a model: per representation, a sentence on what others gain over absmax."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from cmr.answers import fetch, quoted
from cmr.decimals import fixed
from cmr.precision import PRECISIONS
from cmr.report.subject import Subject
from cmr.represent.dim_methods import METHODS
from cmr.represent.quantizer_kinds import ABSMAX
from cmr.rows import Row
from cmr.views import connect

if TYPE_CHECKING:
    import duckdb


def quantizer_sentences(
    con: duckdb.DuckDBPyConnection, root: str, subject: Subject, k: int
) -> list[str]:
    """One sentence per representation that was evaluated with several quantisers, by one search.

    By recall@k over the whole gallery. None if there are too few visual items for an interval.
    `con`: with the view `runs` of the warehouse at `root`.
    """
    groups = _groups(con, subject)
    if groups:
        con = connect(root, "from quantizer_gains")
    found = []
    for group in groups:
        ids = ", ".join(map(quoted, group["ids"]))
        query = f"from quantizer_gains([{ids}], measure_name := 'recall', cut := {k})"
        rows = [row for row in fetch(con, query).to_pylist() if row["ci_low"] is not None]
        ways = dict.fromkeys(row["direction"] for row in rows)
        few = set(group["few"] or ())
        said = [
            _said([row for row in rows if row["direction"] == way], way, k, few) for way in ways
        ]
        if said:
            what = f"{group['precision']} at {group['dim']}"
            how = "" if group["dim_method"] == "native" else f" {group['dim_method']}"
            apart = (
                f"fit on {group['basis']}" if group["basis"] not in (None, subject.dataset) else ""
            )
            more = ", ".join(filter(None, (group["search"], apart)))
            search = f" ({more})" if more else ""
            found.append(f"{what}{how}{search}: {'; '.join(said)}")
    return found


def _groups(con: duckdb.DuckDBPyConnection, subject: Subject) -> list[Row]:
    """Runs that differ in nothing but quantiser and direction, absmax first."""
    fitted = ", ".join(quoted(name) for name, method in METHODS.items() if method.fitted)
    rows = fetch(
        con,
        f"""
        with mine as (
            select
                *,
                -- The variant begins with the quantiser, where it is not absmax.
                trim(replace(
                    case
                        when quantizer = {quoted(ABSMAX)} then variant
                        else ltrim(variant[length(quantizer) + 1 :], ', ')
                    end,
                    coalesce('fit on ' || fit_on, ''), ''
                ), ', ') as search,
                -- A learnt basis is another for other vectors; without one absmax learns nothing,
                -- and what others learnt elsewhere is held against it.
                case when dim_method in ({fitted}) then coalesce(fit_on, '') end as basis
            from runs
            where
                quantizer is not null and evidence_fit <> 'in-sample' and {subject.condition}
        )
        select
            dim, dim_method, precision, search, basis, list_length, seed,
            list(run_id order by quantizer <> {quoted(ABSMAX)}, quantizer, run_id) as ids,
            list(run_id) filter (
                seen_too_much(evidence_fit, quantizer, scorer_learns, gallery, dim) is not null
            ) as few
        from mine
        group by dim, dim_method, precision, search, basis, list_length, seed
        having count(distinct quantizer) > 1 and bool_or(quantizer = {quoted(ABSMAX)})
        order by dim, dim_method, search, basis nulls first, list_length, seed
        """,
    ).to_pylist()
    return sorted(rows, key=lambda row: PRECISIONS.index(row["precision"]))


def _said(rows: Sequence[Row], way: str, k: int, few: Collection[str]) -> str:
    """The best of one direction, and whether it is significantly better than the first.

    `few`: runs whose quantiser was learnt from few vectors of the gallery, and may overfit it.
    """
    best = max(rows, key=lambda row: (row["ci_low"] > 0, row["difference"]))
    ends = f"[{_points(best['ci_low'])}, {_points(best['ci_high'])}]"
    beside, gain = best["beside"], _points(best["difference"])
    if best["ci_low"] > 0:
        doubt = ", but learnt from few vectors, so it may overfit the gallery: check with --fit-on"
        return (
            f"{way}: {best['quantizer']} beats {beside} by {gain} points of recall@{k} {ends}"
            + (doubt if best["run_id"] in few else "")
        )
    sign = "+" if best["difference"] > 0 else ""
    return (
        f"{way}: no quantizer beats {beside} in recall@{k} "
        f"(best: {best['quantizer']}, {sign}{gain} points {ends})"
    )


def _points(share: float) -> str:
    return fixed(100 * share, 1)
