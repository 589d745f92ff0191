"""Agreement with the field's own evaluators on data without ties, query by query."""

from __future__ import annotations

import numpy as np
import pytest
import pytrec_eval
import torch

from cmr.views import connect
from tests import warehouses


def test_pytrec_eval(tmp_path):
    """trec_eval's recall, success, reciprocal rank, MAP, precision and NDCG, graded, to 1e-9."""
    rng = np.random.default_rng(0)
    scores = rng.permutation(50 * 80).reshape(50, 80).astype(float)
    relevance = rng.integers(1, 4, (50, 80)) * (rng.random((50, 80)) < 0.05)
    relevance[:, 0] = 1
    warehouse = warehouses.new(tmp_path)
    warehouses.add_dataset(warehouse, "d", relevance)
    warehouses.add_run(warehouse, "r", "d", scores, relevance, ks=[5, 10])
    qrels = {
        f"t{q}": {f"v{v}": int(relevance[q, v]) for v in np.flatnonzero(relevance[q])}
        for q in range(50)
    }
    run = {f"t{q}": {f"v{v}": float(scores[q, v]) for v in range(80)} for q in range(50)}
    names = {
        "recall": "recall", "hit_rate": "success", "precision": "P", "ndcg": "ndcg_cut",
        "mrr": "recip_rank", "map": "map",
    }  # fmt: skip
    whole = {"recip_rank", "map"}
    wanted = {f"{name}.5,10" for name in set(names.values()) - whole} | whole
    theirs = pytrec_eval.RelevanceEvaluator(qrels, wanted).evaluate(run)
    rows = connect(warehouse.root).execute(
        "select query_id, measure, k, value from per_query where protocol = 'full' and "
        "(k in (5, 10) or k is null) and measure not in ('ndcg_exp', 'mean_rank')"
    )
    found = rows.fetchall()
    assert len(found) == 50 * 10
    for query, measure, k, value in found:
        key = names[measure] if k is None else f"{names[measure]}_{k}"
        assert value == pytest.approx(theirs[query][key], abs=1e-9), (query, key)


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
