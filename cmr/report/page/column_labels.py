"""The page's labels for columns, measures, directions and protocols."""

from __future__ import annotations

from collections.abc import Sequence

from cmr.report.languages import Translate, mark

DIRECTIONS = {"t2v": mark("text to visual"), "v2t": mark("visual to text")}
PROTOCOLS = {
    "expected": mark("expected over random pools"),
    "full": mark("whole gallery"),
    "sampled": mark("sampled pools"),
    "grouped": mark("captions grouped, whole gallery"),
    "grouped_expected": mark("captions grouped, expected over random pools"),
    "grouped_sampled": mark("captions grouped, sampled pools"),
}
MEASURES = {
    "recall@10": mark("Recall@10"),
    "hit_rate@10": mark("Hit rate@10"),
    "mrr": mark("MRR"),
    "ndcg@10": mark("NDCG@10"),
}
COLUMNS = {
    "contender": mark("contender"),
    "scorer": mark("search"),
    "bytes": mark("bytes a vector"),
    "memory_bytes": mark("bytes in memory"),
    "kept": mark("Recall@10 kept"),
    "kept_low": mark("interval from"),
    "kept_high": mark("to"),
    "lost_by_codes": mark("lost by codes"),
    "lost_by_search": mark("lost by the search"),
    "best": mark("on the front"),
    "unearned": mark("why no advice"),
    "label": mark("slice"),
    "representation": mark("representation"),
    "representation_a": mark("a"),
    "representation_b": mark("b"),
    "direction": mark("direction"),
    "dim": mark("dimension"),
    "precision": mark("precision"),
    "vector_bytes": mark("bytes a vector"),
    "bytes_share": mark("share of the baseline's bytes"),
    "recall_10": mark("Recall@10"),
    "recall_10_low": mark("low"),
    "recall_10_high": mark("high"),
    "hit_rate_1": mark("Hit rate@1"),
    "hit_rate_5": mark("Hit rate@5"),
    "hit_rate_10": mark("Hit rate@10"),
    "recall_10_kept": mark("Recall@10 kept"),
    "recall_10_kept_low": mark("interval from"),
    "recall_10_kept_high": mark("to"),
    "mrr": mark("MRR"),
    "ndcg_10": mark("NDCG@10"),
    "lift_10": mark("lift"),
    "protocol": mark("protocol"),
    "candidates": mark("C"),
    "pareto_bytes": mark("on the Pareto front"),
    "value": mark("value"),
    "ci_low": mark("interval from"),
    "ci_high": mark("to"),
    "lift": mark("lift"),
    "extrapolated": mark("extrapolated"),
    "lift_low": mark("interval from"),
    "lift_high": mark("to"),
    "queries_per_second": mark("queries a second"),
    "search": mark("search"),
    "curve": mark("search"),
    "ann_recall": mark("ANN recall"),
    "p50_ms": mark("median, ms"),
    "p95_ms": mark("95th percentile, ms"),
    "p99_ms": mark("99th percentile, ms"),
    "singles": mark("queries timed"),
    "threads": mark("threads"),
    "slowest": mark("slowest repeat"),
    "quickest": mark("quickest repeat"),
    "expansion_search": mark("ef of the search"),
    "build_seconds": mark("seconds to build"),
    "index_vector_bytes": mark("index bytes a vector"),
    "is_exact": mark("exact"),
    "k": mark("K"),
    "queries": mark("queries"),
    "gallery": mark("gallery"),
    "device": mark("device"),
    "ranks": mark("rank"),
    "share": mark("share"),
    "value_a": mark("value of a"),
    "value_b": mark("value of b"),
    "difference": mark("b − a"),
    "p": mark("p"),
    "p_holm": mark("p, Holm-corrected"),
    "wins": mark("queries won by b"),
    "losses": mark("queries lost by b"),
    "ties": mark("equal"),
}


def columns(_: Translate) -> dict[str, str]:
    """Labels of columns by name, in a language."""
    return {name: _(text) for name, text in COLUMNS.items()}


def sentences(texts: Sequence[str], lang: str) -> str:
    """Sentences joined; Chinese and Japanese have no space between them."""
    return ("" if lang[:2] in ("zh", "ja") else " ").join(texts)
