"""What cross-fitting flatters: what a basis favours because it has not seen it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cmr.answers import fetch
from cmr.report.subject import Subject

if TYPE_CHECKING:
    import duckdb

# The view that finds them.
FLATTERED = "doubt_flattered_basis"


def flattered_sentence(con: duckdb.DuckDBPyConnection, subject: Subject) -> str | None:
    """Which of a subject's representations are flattered, and what to do; None if none is.

    The connection must be open for the view FLATTERED.
    """
    rows = fetch(
        con,
        f"""
        select
            concat_ws(' ', dim, dim_method, precision) as name,
            max(cross_fitted - in_sample) as gain
        from {FLATTERED}
        semi join (from runs where {subject.condition}) using (run_id)
        group by dim, dim_method, precision
        order by gain desc, name
        """,
    ).to_pylist()
    if not rows:
        return None
    names = ", ".join(row["name"] for row in rows)
    return (
        f"cross-fitting flatters {names}: by bases that have not seen the queries they find up to "
        f"{100 * rows[0]['gain']:.2f} points more in the top 10 than by one that has; hold what is "
        "kept against --fit-on another data set"
    )
