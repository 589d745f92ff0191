"""Holm's correction for several tests at once."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

_CORRECTED = """
    select holm_max(step, p)
    from (
        select *, holm_step(p) as step
        from (select unnest($1::double[]) as p, generate_subscripts($1::double[], 1) as place)
    )
    order by place
"""


def holm(con: duckdb.DuckDBPyConnection, p: Sequence[float | None]) -> list[float | None]:
    """p-values corrected for all of them, by the same macros as the views' comparisons: Holm, A
    simple sequentially rejective multiple test procedure, 1979. None, which was not tested, stays
    None and does not count.
    """
    return [corrected for (corrected,) in con.execute(_CORRECTED, [list(p)]).fetchall()]
