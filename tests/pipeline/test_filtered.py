"""`cmr bench --filters`: nested selections, what passes, and what is found of it."""

from __future__ import annotations

import numpy as np
import pytest

from cmr.answers import fetch
from cmr.pipeline.bench.filtered import against_exact, attribute_of, passing
from cmr.represent.precisions import encode
from cmr.score.search.indexes import Building, Filterable
from cmr.score.search.scorer_kinds import scorer_kind, scorer_names
from cmr.score.search.scorer_options import every_combination, split
from cmr.views import connect
from tests.pipeline.test_searches import run
from tests.score.test_engines import ASKED, ITEMS, ROWS, K

ATTRIBUTE = attribute_of(ROWS, 0)
EXHAUSTIVE = [
    ("faiss-flat", ""), ("faiss", "factory=IVF4,Flat,nprobe=4"), ("faiss-hnsw", "ef=600"),
    ("faiss", "factory=RR64,IVF4,Flat,nprobe=4"), ("faiss", "factory=IVF4,Flat,RFlat,nprobe=4"),
    ("lancedb", "index=none"),
    ("pgvector", "index=none"), ("pgvector", "iterative_scan=strict_order,ef=600"),
    ("pgvector", "filter_index=btree,ef=600"), ("qdrant-edge", ""), ("sqlite-vec", ""),
    ("qdrant-edge", "graph=always,payload_index=integer,ef=600"), ("zvec", "index=flat"),
    ("zvec", "index=flat,filter_index=inverted"), ("milvus-lite", "index=flat"),
]  # fmt: skip
BIT = [("sqlite-vec", "type=bit-rescored,oversample=60"), ("pgvector", "type=bit,ef=600")]


def filtering(name, text):
    """An index with an attribute."""
    kind = scorer_kind(name)
    for module in kind.modules:
        pytest.importorskip(module)
    options = dict(every_combination(name, kind.options, split(text))[0])
    return kind.build(
        encode(ITEMS, "fp32"), Building(threads=1, options=options, attribute=ATTRIBUTE)
    )


@pytest.mark.slow
@pytest.mark.parametrize(("name", "text"), [*EXHAUSTIVE, *BIT])
def test_only_what_passes_is_found(name, text):
    """Exact searches find all that is nearest of what passes; whatever is found passes."""
    index, queries = filtering(name, text), encode(ASKED, "fp32")
    for share in (0.5, 0.1, 0.01):
        limit = passing(ROWS, share)
        passes = np.flatnonzero(limit > ATTRIBUTE)
        assert len(passes) == limit
        index.search_below(limit)
        found = index.search(queries, K, 1)[0]
        assert set(found[found >= 0]) <= set(passes)
        best = passes[np.argsort(-(ASKED @ ITEMS[passes].T), axis=1)[:, :K]]
        if (name, text) in EXHAUSTIVE:
            np.testing.assert_array_equal(np.sort(found[:, : len(best[0])]), np.sort(best))
            assert (found[:, len(best[0]) :] == -1).all()
        one = index.search(queries.rows([3]), K, 1)[0]
        if (name, text) in EXHAUSTIVE:
            np.testing.assert_array_equal(one[0], found[3])
    index.search_below(None)
    assert len(set(index.search(queries, K, 1)[0].ravel()) - set(passes)) > K


def test_pgvector_returns_too_few_unless_it_goes_on():
    """Its graph's candidates are filtered afterwards."""
    queries = encode(ASKED, "fp32")
    short = {}
    for goes_on in ("off", "relaxed_order"):
        index = filtering("pgvector", f"iterative_scan={goes_on}")
        index.search_below(60)
        short[goes_on] = (index.search(queries, K, 1)[0] < 0).mean()
    assert short["off"] > 0.3
    assert short["relaxed_order"] == 0


def test_selections_are_nested_and_seeded():
    for items in (30, 1000):
        attribute = attribute_of(items, 0)
        assert sorted(attribute) == list(range(items))
        assert (attribute == attribute_of(items, 0)).all()
        assert (attribute != attribute_of(items, 1)).any()
    assert [passing(30, share) for share in (1, 0.5, 0.1, 0.01)] == [30, 15, 3, 1]
    assert passing(1000, 0.01) == 10


def test_against_plain_python():
    """The share of the exact top k that is found, and what is lacking, by hand."""
    rng = np.random.default_rng(2)
    items, queries = rng.standard_normal((40, 8)), rng.standard_normal((6, 8))
    passes = np.sort(rng.permutation(40)[:12])
    found = np.full((6, 5), -1)
    right, lacking = 0, 0
    for query in range(6):
        order = passes[np.argsort(-(items[passes] @ queries[query]))]
        # Of the exact five so many, one that is worse, one that does not pass, and nothing.
        some = [*order[: query % 4], order[7], next(n for n in range(40) if n not in passes)]
        found[query, : min(5, len(some))] = some[:5]
        right += query % 4
        lacking += 5 - (query % 4 + 1)
    shared, missing = against_exact(
        encode(items.astype("f4"), "fp32"), encode(queries.astype("f4"), "fp32"), found, passes
    )
    assert shared == pytest.approx(right / 30)
    assert missing == pytest.approx(lacking / 6)


def test_those_that_filter_say_so():
    said = run("scorers").stdout
    for name in scorer_names():
        kind = scorer_kind(name)
        line = next(one for one in said.splitlines() if one.startswith(f"{name}:"))
        assert ("; filters" in line) == kind.filters
    assert not isinstance(scorer_kind("torch").build(encode(ITEMS, "fp32"), Building()), Filterable)
    # What decides filtered searches alone is no part of a run without any.
    options = scorer_kind("pgvector").options
    (usual,) = every_combination("pgvector", options, {})
    assert "iterative_scan" not in dict(usual)
    (other,) = every_combination("pgvector", options, {"iterative_scan": "strict_order"})
    assert dict(other)["iterative_scan"] == "strict_order"


@pytest.mark.slow
def test_rows_of_every_filter(no_answer, evaluated_with):
    root = evaluated_with("--dims", "40", "--precisions", "fp32", "--protocols", "full")
    run("evaluate", "-w", root, "--dims", "40", "--precisions", "fp32", "--protocols", "full",
        "--scorer", "faiss-hnsw")  # fmt: skip
    asked = (
        "bench", "-w", root, "--dims", "40", "--precisions", "fp32", "--scorers",
        "torch,faiss-flat,faiss-hnsw", "--stages", "filters", "--repeats", "2", "--singles", "10",
    )  # fmt: skip
    done = run(*asked, "--filters", ".5,.1")
    assert "torch has no filter and is not measured with any" in done.stderr
    assert "Among what passes a filter" in done.stdout
    found = fetch(connect(str(root), "from filtered"), "from filtered").to_pylist()
    assert [(row["scorer"], row["selectivity"], row["passing"]) for row in found] == [
        (name, share, items)
        for name in ("faiss-flat", "faiss-hnsw") for share, items in ((0.5, 15), (0.1, 3))
    ]  # fmt: skip
    for row in found:
        assert 0 < row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"]
        assert row["singles"] == 20
        assert row["missing_results"] >= 0
        assert (row["run_id"] is not None) == (row["scorer"] == "faiss-hnsw")
    assert {row["ann_recall"] for row in found if row["scorer"] == "faiss-flat"} == {1.0}
    assert "all 4 measurements already exist" in run(*asked, "--filters", ".1,.5").stderr
    wrong = run(*asked, "--filters", "0", code=2)
    assert "is not a number above 0, up to 1" in wrong.stderr
    only = run("bench", "-w", root, "--dims", "40", "--precisions", "fp32", "--scorers", "torch",
               "--stages", "filters", "--filters", ".5", code=1)  # fmt: skip
    assert only.stderr == "cmr: torch has no filter and is not measured with any\n"
