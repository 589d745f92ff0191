"""The questions of the gallery and of the slices: what was hard, what flipped, what came back."""

from __future__ import annotations

from collections.abc import Sequence

from cmr.answers import quoted
from cmr.report.page import questions
from cmr.report.subject import Subject

# Characters of a caption, and positions of a list, that the gallery shows.
LONGEST = 300
LISTED = 10
# Slices that the page shows.
WORST = 12


def hard(subject: Subject, direction: str, count: int) -> str:
    """Queries whose item ranks badly in every run of the subject."""
    side = "text" if direction == "t2v" else "visual"
    return f"""\
{questions.chosen(subject, direction)}\
, ranked as (
    select
        query_id, any_value(gallery) as gallery, count(*) as runs,
        min(rank) as best_rank, median(rank) as median_rank, max(rank) as worst_rank
    from first_ranks
    semi join chosen using (run_id)
    group by query_id
)
select ranked.*, left(coalesce(items.text, items.uri), {LONGEST}) as query
from ranked
left join items
    on
        items.dataset = {quoted(subject.dataset)} and items.modality = '{side}'
        and items.item_id = ranked.query_id
order by median_rank desc, best_rank desc, query_id
limit {count}"""


def slices(a: str, b: str) -> str:
    """The slices in which run b loses most against run a, of all attributes."""
    return f"""\
select
    name || ': ' || slice as label, name, slice, queries, clusters, value_a, value_b, difference,
    ci_low, ci_high, p, p_holm, p_differ
from compare_by({quoted(a)}, {quoted(b)}, null)
where clusters >= fewest_clusters()
qualify count(*) over (partition by name) > 1
order by round(difference, 10), name, slice
limit {WORST}"""


def flips(a: str, b: str, count: int, within: tuple[str, str] | None = None) -> str:
    """Queries whose first relevant item enters or leaves the top 10 from run a to run b.

    `within`: only those of a slice, by attribute and value.
    """
    only = ""
    if within is not None:
        name, value = map(quoted, within)
        only = (
            "semi join (\n    select dataset, direction, query_id from query_slices\n"
            f"    where name = {name} and slice = {value}\n"
            ") as sliced using (dataset, direction, query_id)\n"
        )
    return f"""\
select query_id, rank_a, rank_b, change, left(query, {LONGEST}) as query
from rank_flips({quoted(a)}, {quoted(b)})
{only}\
order by round(abs(ln(rank_b / rank_a)), 10) desc, query_id
limit {count}"""


def tops(run_ids: Sequence[str], query_ids: Sequence[str]) -> str:
    """The stored top lists of some queries."""
    runs = ", ".join(map(quoted, run_ids))
    queries = ", ".join(map(quoted, query_ids))
    return f"""\
select run_id, query_id, position, item_id, score, relevance
from evidence_hits
where position <= {LISTED} and run_id in ({runs}) and query_id in ({queries})
order by run_id, query_id, position"""
