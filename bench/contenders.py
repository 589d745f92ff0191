"""The peers: the same task from the same vectors, each as its users would run it.

Every function takes texts and visuals, unit float32 rows, and the visual of each text, and returns
text-to-visual hit_rate@10 (or None if it has none), so that one can check that all agree.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

Vectors = np.ndarray
Contender = Callable[[Vectors, Vectors, np.ndarray], float | None]
K = 10


def bare_product(text: Vectors, visual: Vectors, truth: np.ndarray) -> None:
    """Only the tiled float32 product, without counting: the lower bound for any exact method."""
    a, b = torch.from_numpy(text), torch.from_numpy(visual)
    room = torch.empty(1024 * 512)
    for c in range(0, len(b), 512):
        for r in range(0, len(a), 1024):
            x, y = a[r : r + 1024], b[c : c + 512]
            torch.mm(x, y.T, out=room[: len(x) * len(y)].view(len(x), len(y)))


def _hit(found: Any, truth: np.ndarray) -> float:
    return float((np.asarray(found) == truth[:, None]).any(1).mean())


def topk(text: Vectors, visual: Vectors, truth: np.ndarray) -> float:
    """torch.topk of the whole matrix, both directions."""
    scores = torch.from_numpy(text) @ torch.from_numpy(visual).T
    top = scores.topk(K, dim=1).indices
    scores.topk(K, dim=0)
    return _hit(top, truth)


def argsort(text: Vectors, visual: Vectors, truth: np.ndarray) -> float:
    """torch.argsort of the whole matrix, both directions."""
    scores = torch.from_numpy(text) @ torch.from_numpy(visual).T
    order = scores.argsort(dim=1, descending=True)[:, :K]
    scores.argsort(dim=0, descending=True)
    return _hit(order, truth)


def clip_benchmark(text: Vectors, visual: Vectors, truth: np.ndarray) -> float:
    """CLIP_benchmark's recall_at_k, in its batches of 64, both directions."""
    from clip_benchmark.metrics.zeroshot_retrieval import batchify, recall_at_k

    scores = torch.from_numpy(text) @ torch.from_numpy(visual).T
    positive = torch.zeros(scores.shape, dtype=torch.bool)
    positive[torch.arange(len(text)), torch.from_numpy(truth)] = True
    t2v = (batchify(recall_at_k, scores, positive, 64, "cpu", k=K) > 0).float().mean()
    batchify(recall_at_k, scores.T, positive.T, 64, "cpu", k=K)
    return float(t2v)


def open_clip(text: Vectors, visual: Vectors, truth: np.ndarray) -> float:
    """open_clip's training-time metrics, both directions; it supports only one text per visual."""
    from open_clip_train.train import get_clip_metrics

    found = get_clip_metrics(torch.from_numpy(visual), torch.from_numpy(text), 1.0)
    return float(found["text_to_image_R@10"])


def faiss_pytrec_eval(text: Vectors, visual: Vectors, truth: np.ndarray) -> float:
    """faiss flat search for 10, its lists judged by pytrec_eval; text queries only."""
    import faiss
    import pytrec_eval

    index = faiss.IndexFlatIP(text.shape[1])
    index.add(visual)
    scores, found = index.search(text, K)
    run = {
        str(q): {str(v): float(s) for v, s in zip(items, values, strict=True)}
        for q, (items, values) in enumerate(zip(found.tolist(), scores.tolist(), strict=True))
    }
    qrels = {str(q): {str(v): 1} for q, v in enumerate(truth.tolist())}
    judged = pytrec_eval.RelevanceEvaluator(qrels, {"success.10", "ndcg_cut.10", "recip_rank"})
    return float(np.mean([row["success_10"] for row in judged.evaluate(run).values()]))


def faiss_flat(text: Vectors, visual: Vectors, truth: np.ndarray) -> float:
    """faiss flat search for 10, both directions."""
    import faiss

    found = []
    for queries, items in ((text, visual), (visual, text)):
        index = faiss.IndexFlatIP(text.shape[1])
        index.add(items)
        found.append(index.search(queries, K)[1])
    return _hit(found[0], truth)


def ranx(text: Vectors, visual: Vectors, truth: np.ndarray) -> float:
    """ranx on the top 10 of torch.topk, text queries only; includes building its Run."""
    from ranx import Qrels, Run, evaluate

    scores, found = (torch.from_numpy(text) @ torch.from_numpy(visual).T).topk(K, dim=1)
    run = Run(
        {
            str(q): {str(v): s for v, s in zip(items, values, strict=True)}
            for q, (items, values) in enumerate(zip(found.tolist(), scores.tolist(), strict=True))
        }
    )
    qrels = Qrels({str(q): {str(v): 1} for q, v in enumerate(truth.tolist())})
    result = evaluate(qrels, run, ["hit_rate@10", "ndcg@10", "mrr@10"])
    return float(result["hit_rate@10"])


def mteb(text: Vectors, visual: Vectors, truth: np.ndarray) -> float:
    """MTEB's search (top 1,000 by heaps) and its scores, text queries only, without encoding."""
    import datasets
    import mteb as library
    from mteb._evaluators.retrieval_metrics import calculate_retrieval_scores
    from mteb.models.search_wrappers import chunked_full_corpus_search

    corpus = datasets.Dataset.from_dict(
        {"id": [str(v) for v in range(len(visual))], "text": [""] * len(visual)}
    )
    chunk = 50_000
    parts = iter([visual[at : at + chunk] for at in range(0, len(visual), chunk)])
    metadata = library.get_task("NFCorpus").metadata
    lists = chunked_full_corpus_search(
        task_corpus=corpus,
        corpus_chunk_size=chunk,
        query_idx_to_id={q: str(q) for q in range(len(text))},
        query_embeddings=text,
        task_metadata=metadata,
        hf_subset="default",
        hf_split="test",
        top_k=1000,
        encode_kwargs={"show_progress_bar": False},
        encode_fn=lambda *args, **kwargs: next(parts),
        similarity_fn=lambda a, b: torch.from_numpy(a) @ torch.from_numpy(b).T,
    )
    results = {q: {item: score for score, item in heap} for q, heap in lists.items()}
    qrels = {str(q): {str(v): 1} for q, v in enumerate(truth.tolist())}
    return float(calculate_retrieval_scores(results, qrels, [1, 5, 10]).hit_rate["HitRate@10"])


PEERS: dict[str, Contender] = {
    "bare tiled product, fp32": bare_product,
    "torch.topk, both ways": topk,
    "torch.argsort, both ways": argsort,
    "CLIP_benchmark recall_at_k, both ways": clip_benchmark,
    "open_clip get_clip_metrics, both ways": open_clip,
    "faiss flat, both ways": faiss_flat,
    "faiss flat + pytrec_eval, t2v": faiss_pytrec_eval,
    "ranx on torch.topk, t2v": ranx,
    "MTEB retrieval, t2v": mteb,
}
