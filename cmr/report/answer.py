"""The answer: the fewest bytes a vector that are sure to keep enough, of one subject."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cmr.report.subject import Subject
from cmr.views import fetch, quoted

if TYPE_CHECKING:
    import duckdb

# What a representation has to keep, each with an interval of its own.
MEASURES = ("hit_rate", "recall", "mrr", "ndcg")
Row = dict[str, Any]


def sure_sql(
    subject: Subject, retain: float, k: int = 10, measures: Sequence[str] = MEASURES
) -> str:
    """The query for the smallest representation whose intervals all lie above `retain`.

    It gives no row, or one: dim, dim_method, precision, variant, vector_bytes, share (of the
    baseline's bytes), low (the lowest lower end), directions, is_baseline and native (whether the
    baseline is fp32 at the native dimension).
    """
    named = ", ".join(map(quoted, measures))
    return f"""\
with chosen as (
    select run_id, direction from runs where {subject.condition}
)
select
    dim, dim_method, precision, variant, retention.vector_bytes,
    max(retention.vector_bytes / base.vector_bytes) as share,
    min(ci_low) as low,
    count(distinct retention.direction) as directions,
    bool_and(retention.run_id = baseline) as is_baseline,
    bool_and(baseline_is = 'native fp32') as native
from retention
semi join chosen using (run_id)
inner join (select run_id as baseline, vector_bytes from runs) as base using (baseline)
where measure in ({named}) and (k is null or k = {k})
group by dim, dim_method, precision, variant, retention.vector_bytes
having
    bool_and(coalesce(ci_low >= {retain!r}, false))
    and count(distinct retention.direction) = (select count(distinct direction) from chosen)
order by retention.vector_bytes, round(low, 10) desc, dim, dim_method, precision, variant
limit 1"""


def smallest_sure(
    con: duckdb.DuckDBPyConnection,
    subject: Subject,
    retain: float,
    k: int = 10,
    measures: Sequence[str] = MEASURES,
) -> Row | None:
    """That representation, or None if none is sure to keep so much."""
    rows = fetch(con, sure_sql(subject, retain, k, measures)).to_pylist()
    return rows[0] if rows else None
