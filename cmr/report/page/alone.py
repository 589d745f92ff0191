"""A chart that would have a single mark is a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from cmr.decimals import fixed, percent
from cmr.report.languages import Translate, mark
from cmr.rows import Row

_SPEED = mark("{name}: {rate} queries a second in batches.")
_LATENCY = mark(
    "{name}: a median of {p50} ms a query among {candidates} candidates, {p99} ms at worst of 99 "
    "in 100."
)
_ANN = mark("{name}: ANN recall {recall}, {rate} queries a second.")
_RANKS = mark(
    "{name}: the first relevant item ranks first for {first} of the queries, and beyond 10 for "
    "{beyond}."
)
_BYTES = mark("{name} is the only representation: {bytes} bytes a vector.")
_PAIR = mark("{b} minus {a}: {difference} points of Recall@10 [{low}, {high}].")


def alone(kind: str, rows: Sequence[Row], _: Translate) -> str | None:
    """The sentence for a kind of chart, or None if its rows are more than one mark."""
    row = rows[0]
    if kind in ("speed", "bytes", "ranks") and len({one["run_id"] for one in rows}) > 1:
        return None
    if kind == "compare" and len(rows) > 1:
        return None
    # One line is its points in a sentence.
    line = {"latency": "search", "ann": "curve"}.get(kind)
    if line is not None and len({one[line] for one in rows}) > 1:
        return None
    if kind == "speed":
        return _(_SPEED).format(
            name=row["representation"], rate=f"{row['queries_per_second']:,.0f}"
        )
    if kind == "latency":
        return _joined(
            [
                _(_LATENCY).format(
                    name=one["search"], p50=fixed(one["p50_ms"], 3), p99=fixed(one["p99_ms"], 3),
                    candidates=f"{one['candidates']:,}",
                )
                for one in rows
            ]
        )  # fmt: skip
    if kind == "ann":
        return _joined(
            [
                _(_ANN).format(
                    name=one["curve"], recall=fixed(one["ann_recall"], 4),
                    rate=f"{one['queries_per_second']:,.0f}",
                )
                for one in rows
            ]
        )  # fmt: skip
    if kind == "ranks":
        first = sum(one["share"] for one in rows if one["place"] == 0)
        beyond = sum(one["share"] for one in rows if one["place"] > 2)
        return _(_RANKS).format(
            name=row["representation"], first=percent(first, 1), beyond=percent(beyond, 1)
        )
    if kind == "bytes":
        return _(_BYTES).format(name=row["representation"], bytes=f"{row['vector_bytes']:,}")
    if kind == "compare":
        ends = {end: _end(row[f"ci_{end}"]) for end in ("low", "high")}
        return _(_PAIR).format(
            a=row["representation_a"], b=row["representation_b"],
            difference=fixed(100 * row["difference"], 2, "+"), **ends,
        )  # fmt: skip
    return None


def _joined(told: Sequence[str]) -> str:
    return " ".join(told)


def _end(value: float | None) -> str:
    return "–" if value is None else fixed(100 * value, 2, "+")
