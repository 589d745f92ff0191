"""A contender in a sentence: what it keeps, with its interval, in how many bytes and how long."""

from __future__ import annotations

from cmr.decimals import fixed, percent
from cmr.report.languages import Translate, mark
from cmr.rows import Row

_KEEPS = mark(
    "{name}: keeps {kept} [{low}, {high}] of Recall@{k} in {bytes} bytes a vector, {share} of the "
    "baseline's"
)
_TIMED = mark("{ms} ms a query")
_LOST = mark("of Recall@{k}, {codes} points are lost by the codes and {search} by the search")


def told(row: Row, k: int, _: Translate) -> str:
    """A row of `contenders` in words, without a full stop.

    Points are hundredths of the measure; what an engine's own codes lose is its search's part.
    """
    said = [
        _(_KEEPS).format(
            name=row["contender"],
            kept=percent(row["kept"], 1),
            low=_end(row["kept_low"]),
            high=_end(row["kept_high"]),
            k=k,
            bytes=f"{row['bytes']:,.0f}",
            share=percent(row["bytes_share"], 1),
        )
    ]
    if row["p50_ms"] is not None:
        said.append(_(_TIMED).format(ms=f"{row['p50_ms']:.2g}"))
    if row["ann_recall"] is not None and row["lost_by_codes"] is not None:
        lost = {name: fixed(100 * row[f"lost_by_{name}"], 2) for name in ("codes", "search")}
        said.append(_(_LOST).format(k=k, **lost))
    return _("; ").join(said)


def _end(share: float | None) -> str:
    return "–" if share is None else fixed(100 * share, 1)
