"""The short summary that evaluate and demo end with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from cmr.cli.paging import paged
from cmr.cli.printed_tables import print_table
from cmr.cli.progress import progress
from cmr.cli.terminal import tell
from cmr.decimals import percent
from cmr.progressbar import waiting
from cmr.protocols import is_whole, judged_words, plain, way
from cmr.rows import Row
from cmr.score.search.scorer_kinds import TORCH

if TYPE_CHECKING:
    import duckdb

    from cmr.pipeline.request import Request
    from cmr.report.answer import Answer
    from cmr.report.subject import Subject

RETAIN = 0.99
_WHOLE = {"full": "whole gallery", "grouped": "grouped, whole gallery"}
_ASKED = pa.schema([("run_id", pa.string()), ("protocol", pa.string()), ("size", pa.int64())])
# Rows of the table per direction; the rest are only counted.
_MOST = 12


def tell_answer(warehouse: str, shown: Sequence[tuple[Sequence[str], Request]]) -> None:
    """Compute and print the answer of some requests; see `ask` for `shown`."""
    with paged(), waiting(progress, "computing the answer"):
        print_answer(ask(warehouse, shown))


def ask(
    warehouse: str, shown: Sequence[tuple[Sequence[str], Request]]
) -> duckdb.DuckDBPyConnection:
    """Compute the metrics of these runs, so that `print_answer` cannot fail afterwards.

    `shown`: run ids, and what was requested of them this time; they may have more from earlier.
    """
    from cmr.materialised import open_for
    from cmr.report.flattered import FLATTERED
    from cmr.warehouse.store import Store

    rows = [
        {"run_id": run_id, "protocol": leading, "size": size}
        for run_ids, request in shown
        for leading, size in [_led(request)]
        for run_id in run_ids
    ]
    # Retention is relative to the baselines, which need not be among the requested runs.
    con = open_for(
        Store.open(warehouse),
        f"from leaderboard, retention, {FLATTERED}",
        sorted({run_id for run_ids, _ in shown for run_id in run_ids}),
        progress,
        and_baselines=True,
    )
    con.register("asked", pa.Table.from_pylist(rows, _ASKED))
    return con


def _led(request: Request) -> tuple[str, int | None]:
    """The leading requested protocol, and its largest C; None for the whole gallery."""
    from cmr.report.subject import LEADING

    leading = next(name for name in LEADING if name in request.protocols)
    return leading, None if is_whole(leading) else max(request.candidates)


def print_answer(con: duckdb.DuckDBPyConnection) -> None:
    """Print a compact table and a sentence per data set, judgments, model and scorer."""
    from cmr.answers import fetch
    from cmr.report.answer import answer
    from cmr.report.subject import subjects

    run_ids = [row["run_id"] for row in fetch(con, "from asked").to_pylist()]
    every = subjects(con, run_ids)
    several = len({(one.dataset, one.model) for one in every}) > 1
    for subject in every:
        found = answer(con, subject, RETAIN)
        _print_leaderboard(con, subject, found, several)
        tell(_sentence(con, subject, found))
    _print_lists(con)
    if len({one.model for one in every}) > 1:
        tell("across models: `cmr recommend`")


def _print_lists(con: duckdb.DuckDBPyConnection) -> None:
    """Print what is known of searches that return lists, over the whole gallery."""
    from cmr.answers import fetch

    found = fetch(
        con,
        """
        select
            direction as way, concat_ws(', ', concat_ws(' ', dim, dim_method, precision),
                nullif(scorer, 'torch'), nullif(variant, '')) as search,
            any_value(vector_bytes) as bytes, nullif(any_value(fit), 'none') as fit,
            max(value) filter (where measure = 'recall') as "recall@10",
            max(value) filter (where measure = 'ann_recall') as "ann_recall@10"
        from earned_metrics
        semi join asked using (run_id)
        inner join (
            select run_id, vector_bytes from runs where list_length is not null
        ) as listed using (run_id)
        where protocol = 'full' and k = 10
        group by run_id, way, search
        order by way, "recall@10" desc, bytes, search
        """,
    )
    if found.num_rows:
        print_table(found, title="Searches that return lists, whole gallery")
        tell(
            "ann_recall: agreement of a list with an exact search; measures that need ranks beyond "
            "the list are NULL"
        )
        if "cross-fitted" in found["fit"].to_pylist():
            tell(
                "cross-fitted: recall is of what was learnt without each fold, ann_recall of the "
                "index that learnt from the whole gallery"
            )


def _print_leaderboard(
    con: duckdb.DuckDBPyConnection, subject: Subject, found: Answer, several: bool
) -> None:
    """Rows of the leading requested protocol, at the largest requested C; best first.

    `several`: it is one of the tables of several data sets or models, and says which.
    """
    from cmr.answers import fetch
    from cmr.report.answer import NEAR_CHANCE
    from cmr.report.flattered import flattered_sentence

    rows = fetch(
        con,
        f"""
        with mine as (
            from leaderboard
            inner join (select run_id, protocol as asked_protocol, size from asked) using (run_id)
            semi join (select run_id from runs where {subject.condition}) using (run_id)
            where protocol = asked_protocol and candidates = coalesce(size, candidates)
        )
        select
            mine.*, baseline,
            bool_and(
                recall_10 is not null
                and coalesce(recall_10 = 0 or recall_10_low <= recall_10 / lift_10, true)
            ) over () as near_chance,
            row_number() over (
                partition by mine.direction
                order by round(mine.recall_10, 10) desc, mine.vector_bytes, run_id
            ) as place
        from mine
        inner join int_baselines using (run_id)
        order by mine.direction, place
        """,
    ).to_pylist()
    if not rows:
        return
    why = found.why_not
    # Too few visual items is the reason given first; the runs may be near chance as well.
    chance = rows[0]["near_chance"] or (why is not None and why["kind"] == NEAR_CHANCE)
    if chance:
        rows = [{**row, "recall_10_kept": None, "pareto_bytes": False} for row in rows]
    else:
        _fill_kept(con, rows)
    shown = [row for row in rows if row["place"] <= _MOST]
    one = rows[0]
    where = (
        _WHOLE[one["protocol"]]
        if is_whole(one["protocol"])
        else f"{one['protocol']}, C = {one['size']:,}"
    )
    print_table(
        pa.Table.from_pylist([_line(row) for row in shown]),
        title=f"{_title(subject, several)}, {where}",
    )
    notes = ["[…]: 95% interval", "kept: of the baseline's recall@10", "*: Pareto front"]
    if chance:
        notes = [notes[0], "kept and * mean nothing so near chance, and are left out"]
    tell("; ".join(notes))
    if any(row["fit"] == "cross-fitted" for row in rows):
        tell("pca and other fits: each fold is scored by what was learnt without it")
        flattered = flattered_sentence(con, subject)
        if flattered is not None:
            tell(flattered)
    seen = sorted({_learnt(row) for row in rows if row["fit"] == "in-sample"})
    if seen:
        tell(f"{', '.join(seen)}: in-sample, learnt from what is scored here")
    if not chance and any(row["recall_10_kept"] is None for row in rows):
        tell("kept is empty where the baseline was not evaluated this way, or its recall@10 is 0")
    if len(rows) > len(shown):
        tell(f'{len(rows) - len(shown)} more: cmr sql "from leaderboard"')


def _learnt(row: Row) -> str:
    """What part of a representation is learnt from vectors, in a word or two."""
    from cmr.represent.dim_methods import METHODS
    from cmr.represent.quantizer_kinds import ABSMAX, quantizer_kind

    coded = row["quantizer"] or ABSMAX
    basis = row["dim_method"] if METHODS[row["dim_method"]].fitted else None
    return " ".join(filter(None, [basis, coded if quantizer_kind(coded).learns else None]))


def _fill_kept(con: duckdb.DuckDBPyConnection, rows: list[Row]) -> None:
    """Fill in retention from ranks where a baseline was not evaluated this way; not for pools."""
    from cmr.answers import fetch
    from cmr.views import only

    lacking = [row for row in rows if row["recall_10_kept"] is None]
    if not lacking or plain(lacking[0]["protocol"]) == "sampled":
        return
    bases = sorted({row["baseline"] for row in lacking} - {None})
    if not bases:
        return
    size = lacking[0]["size"]
    source = (
        "memory.main.retention" if size is None else f"metrics_for({size}, 10, held_out := true)"
    )
    with only(con, bases):
        found = fetch(con, f"select * from {source} where measure = 'recall' and k = 10")
    values = {row["run_id"]: row["value"] for row in found.to_pylist()}
    for row in lacking:
        base = values.get(row["baseline"])
        if base and row["recall_10"] is not None:
            row["recall_10_kept"] = row["recall_10"] / base


def _title(subject: Subject, several: bool) -> str:
    """The table's title, without settings that have their default."""
    which = f"{subject.dataset}, {subject.model}" if several else None
    how = [which, None if subject.scorer == TORCH else subject.scorer, subject.variant]
    return ", ".join(["Leaderboard", *filter(None, how)])


def _line(row: Row) -> Row:
    from cmr.report.named import estimate

    kept = row["recall_10_kept"]
    return {
        "way": way(row["direction"], row["qrels"]),
        "representation": f"{row['dim']} {row['dim_method']} {row['precision']}",
        "bytes": f"{row['vector_bytes']:,}" + ("*" if row["pareto_bytes"] else " "),
        "recall@10": estimate(row["recall_10"], row["recall_10_low"], row["recall_10_high"]),
        "mrr": row["mrr"],
        "ndcg@10": row["ndcg_10"],
        "kept": "" if kept is None else percent(kept, 1),
    }


def _sentence(con: duckdb.DuckDBPyConnection, subject: Subject, found: Answer) -> str:
    """The smallest representation that is sure to keep 99% of every leading measure."""
    from cmr.answers import fetch
    from cmr.report.answer import not_said

    kinds = fetch(
        con, f"select distinct dim, dim_method, precision from runs where {subject.condition}"
    ).num_rows
    judged = judged_words(subject.qrels)
    who = f"{subject.dataset}{judged}, {subject.model}: "
    if kinds == 1:
        lack = found.baseline.lack
        return f"{who}only one representation, so there is nothing to choose from" + (
            f"; {lack}." if lack else "."
        )
    if found.why_not is not None:
        return f"{who}nothing is recommended: {not_said(found)}."
    best, held = found.smallest, found.baseline
    lack = found.lack
    if best is None:
        return (
            f"{who}none is sure to keep {RETAIN:.0%} of the baseline, {held.name}, over the whole "
            f"gallery, in every direction and in recall, hit rate, MRR and NDCG@10.{lack}"
        )
    name = f"{best['dim']} {best['dim_method']} {best['precision']}"
    if best["is_baseline"]:
        return (
            f"{who}none smaller than the baseline, {name}, is sure to keep {RETAIN:.0%} of its "
            f"quality over the whole gallery.{lack}"
        )
    return (
        f"{who}{name} is the smallest that is sure to keep {RETAIN:.0%} of the baseline, "
        f"{held.name}, over the whole gallery, in every direction and in recall, hit rate, MRR and "
        f"NDCG@10: "
        f"{best['vector_bytes']:,} bytes a vector, {percent(best['share'], 1)} of its size, "
        f"at least {percent(best['low'])} kept.{lack}"
    )
