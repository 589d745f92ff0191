"""Agreement with the field's own evaluators on data without ties, query by query."""

from __future__ import annotations

import numpy as np
import pytest
import pytrec_eval
import torch

from cmr.views import connect
from tests import warehouses
from tests.plain_ranx import plain_ranx


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A warehouse of 50 queries without ties, and the same as qrels and run dictionaries."""
    rng = np.random.default_rng(0)
    scores = rng.permutation(50 * 80).reshape(50, 80).astype(float)
    relevance = rng.integers(1, 4, (50, 80)) * (rng.random((50, 80)) < 0.05)
    relevance[:, 0] = 1
    warehouse = warehouses.new(tmp_path_factory.mktemp("graded"))
    warehouses.add_dataset(warehouse, "d", relevance)
    warehouses.add_run(warehouse, "r", "d", scores, relevance, ks=[5, 10])
    qrels = {
        f"t{q}": {f"v{v}": int(relevance[q, v]) for v in np.flatnonzero(relevance[q])}
        for q in range(50)
    }
    run = {f"t{q}": {f"v{v}": float(scores[q, v]) for v in range(80)} for q in range(50)}
    return warehouse, qrels, run


def by_query(warehouse):
    """{(query, measure, k): value} over the whole gallery."""
    rows = connect(warehouse.root).execute(
        "select query_id, measure, k, value from per_query where protocol = 'full' and "
        "(k in (5, 10) or k is null)"
    )
    return {row[:3]: row[3] for row in rows.fetchall()}


@pytest.mark.slow
def test_ranx(graded):
    """ranx's, query by query; its ndcg_burges has the gain 2^relevance - 1."""
    warehouse, qrels, run = graded
    mine = by_query(warehouse)
    names = {"recall": "recall", "hit_rate": "hit_rate", "precision": "precision",
             "mrr@k": "mrr", "ndcg": "ndcg", "ndcg_exp": "ndcg_burges"}  # fmt: skip
    pairs = {f"{theirs}@{k}": (ours, k) for ours, theirs in names.items() for k in (5, 10)}
    pairs |= {"mrr": ("mrr", None), "map": ("map", None)}
    with plain_ranx() as ranx:
        theirs = ranx.Run(run)
        ranx.evaluate(ranx.Qrels(qrels), theirs, list(pairs), return_mean=False)
    for name, (measure, k) in pairs.items():
        assert len(theirs.scores[name]) == 50
        for query, value in theirs.scores[name].items():
            assert mine[query, measure, k] == pytest.approx(value, abs=1e-9), (query, name)


def test_ir_measures(graded):
    """ir_measures' own names for the same."""
    import ir_measures
    from ir_measures import AP, RR, P, R, Success, nDCG

    warehouse, qrels, run = graded
    mine = by_query(warehouse)
    cut = {R: "recall", Success: "hit_rate", P: "precision", RR: "mrr@k", nDCG: "ndcg"}
    pairs = {kind @ k: (ours, k) for kind, ours in cut.items() for k in (5, 10)}
    pairs |= {RR: ("mrr", None), AP: ("map", None)}
    found = list(ir_measures.iter_calc(list(pairs), qrels, run))
    assert len(found) == 50 * len(pairs)
    for row in found:
        measure, k = pairs[row.measure]
        assert mine[row.query_id, measure, k] == pytest.approx(row.value, abs=1e-9), row


@pytest.mark.slow
def test_pytrec_eval(graded):
    """trec_eval's recall, success, reciprocal rank, MAP, precision and NDCG, graded, to 1e-9."""
    warehouse, qrels, run = graded
    names = {
        "recall": "recall", "hit_rate": "success", "precision": "P", "ndcg": "ndcg_cut",
        "mrr": "recip_rank", "map": "map", "r_precision": "Rprec",
    }  # fmt: skip
    whole = {"recip_rank", "map", "Rprec"}
    wanted = {f"{name}.5,10" for name in set(names.values()) - whole} | whole
    theirs = pytrec_eval.RelevanceEvaluator(qrels, wanted).evaluate(run)
    rows = connect(warehouse.root).execute(
        "select query_id, measure, k, value from per_query where protocol = 'full' and "
        "(k in (5, 10) or k is null) "
        "and measure not in ('ndcg_exp', 'mrr@k', 'mean_rank', 'map_at_r')"
    )
    found = rows.fetchall()
    assert len(found) == 50 * 11
    for query, measure, k, value in found:
        key = names[measure] if k is None else f"{names[measure]}_{k}"
        assert value == pytest.approx(theirs[query][key], abs=1e-9), (query, key)


@pytest.mark.slow
def test_open_clip(tmp_path):
    """open_clip's own retrieval metrics: its R@K is our hit_rate, both ways."""
    from open_clip_train.train import get_clip_metrics

    generator = torch.Generator().manual_seed(0)
    images = torch.nn.functional.normalize(torch.randn(60, 16, generator=generator))
    noise = torch.randn(60, 16, generator=generator)
    texts = torch.nn.functional.normalize(images + 0.4 * noise)
    theirs = get_clip_metrics(images, texts, torch.tensor(1.0))
    scores = (texts @ images.T).double().numpy()
    relevance = np.eye(60, dtype=int)
    warehouse = warehouses.new(tmp_path)
    warehouses.add_dataset(warehouse, "d", relevance)
    for direction in ("t2v", "v2t"):
        warehouses.add_run(warehouse, direction, "d", scores, relevance, direction)
    rows = connect(warehouse.root).execute(
        "select direction, k, value from metrics where measure = 'hit_rate' and protocol = 'full'"
    )
    names = {"t2v": "text_to_image", "v2t": "image_to_text"}
    for direction, k, value in rows.fetchall():
        assert value == pytest.approx(theirs[f"{names[direction]}_R@{k}"], abs=1e-9)
    rows = connect(warehouse.root).execute(
        "select direction, measure, value from metrics where ends_with(measure, '_rank')"
    )
    for direction, measure, value in rows.fetchall():
        # It rounds the median down.
        value = np.floor(value) if measure == "median_rank" else value
        assert value == pytest.approx(theirs[f"{names[direction]}_{measure}"], abs=1e-9)
