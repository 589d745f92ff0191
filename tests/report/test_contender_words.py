"""A contender in a sentence, in English and Chinese."""

from __future__ import annotations

import pytest

from cmr.report.contender_words import told
from cmr.report.languages import translator

ROW = {
    "contender": "512 native fp32, pgvector, type halfvec index hnsw m 16 ef 40", "kept": 0.98712,
    "kept_low": 0.98104, "kept_high": 0.99249, "bytes": 1024.4, "bytes_share": 0.5002,
    "p50_ms": 0.5964, "ann_recall": 0.97, "lost_by_codes": 0.001, "lost_by_search": 0.0109,
}  # fmt: skip


def test_english():
    assert told(ROW, 10, str) == (
        "512 native fp32, pgvector, type halfvec index hnsw m 16 ef 40: keeps 98.7% [98.1, 99.2] "
        "of Recall@10 in 1,024 bytes a vector, 50.0% of the baseline's; 0.6 ms a query; of "
        "Recall@10, 0.10 points are lost by the codes and 1.09 by the search"
    )


@pytest.mark.parametrize(
    ("lacks", "left"),
    [
        ({"p50_ms": None, "ann_recall": None}, "the baseline's"),
        ({"lost_by_codes": None}, "0.6 ms a query"),
        ({"ann_recall": None}, "0.6 ms a query"),
    ],
)
def test_what_is_not_known_is_not_said(lacks, left):
    assert told(ROW | lacks, 10, str).endswith(left)


def test_without_an_interval():
    assert "keeps 98.7% [–, –]" in told(ROW | {"kept_low": None, "kept_high": None}, 10, str)


def test_chinese():
    said = told(ROW, 10, translator("zh").gettext)
    assert "保留 Recall@10 的 98.7% [98.1, 99.2]" in said
    assert "每个查询 0.6 毫秒" in said
