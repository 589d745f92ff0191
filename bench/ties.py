"""What each peer reports for the same measure on the same vectors with ties and copies.

    python bench/ties.py [--out bench/results]

Every picture is in the gallery three times, first all originals, then all copies; the caption of
the original describes it, those of the copies describe nothing. All numbers are multiples of 1/4,
so every library computes exactly the same scores, and only the order of ties differs. The measure
is text-to-visual hit_rate@1. A peer that is not installed has no row.
"""

from __future__ import annotations

import importlib.metadata
import json
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import click
import numpy as np
import torch

PICTURES, COPIES, DIM = 40, 3, 24
Vectors = np.ndarray


def make_vectors(seed: int = 0) -> tuple[Vectors, Vectors]:
    """Texts and visuals, unit float32 rows; text i belongs to visual i.

    Four coordinates of a vector are 1/2 or -1/2 and the others 0. In the originals' captions one of
    the four is at a different coordinate.
    """
    rng = np.random.default_rng(seed)
    pictures = np.stack([_vector(rng) for _ in range(PICTURES)])
    captions = pictures.copy()
    for row in captions:
        moved, to = rng.choice(np.flatnonzero(row)), rng.choice(np.flatnonzero(row == 0))
        row[to], row[moved] = row[moved], 0
    rest = [_vector(rng) for _ in range(PICTURES * (COPIES - 1))]
    return np.concatenate([captions, rest]), np.tile(pictures, (COPIES, 1))


def _vector(rng: np.random.Generator) -> Vectors:
    row = np.zeros(DIM, np.float32)
    row[rng.choice(DIM, 4, replace=False)] = rng.choice([-0.5, 0.5], 4)
    return row


def exact(text: Vectors, visual: Vectors) -> float:
    """The expectation over the orders inside ties, query by query."""
    scores = text.astype(np.float64) @ visual.T.astype(np.float64)
    own = scores.diagonal()[:, None]
    first = (scores > own).sum(1) == 0
    return float((first / (scores == own).sum(1)).mean())


def cmr(text: Vectors, visual: Vectors) -> float:
    """Through a warehouse, as a user would."""
    import cmr as package

    with tempfile.TemporaryDirectory() as folder:
        wh = package.open(f"{folder}/w", create=True)
        rows = np.arange(len(text))
        wh.ingest_arrays(text, visual, np.column_stack([rows, rows]), dataset="ties", model="m")
        wh.evaluate(dims=DIM, precisions="fp32", protocols="full", directions="t2v", k=1)
        (row,) = wh.metrics(measure="hit_rate", k=1, protocol="full").dicts()
    return float(row["value"])


def _scores(text: Vectors, visual: Vectors) -> torch.Tensor:
    return torch.from_numpy(text) @ torch.from_numpy(visual).T


def _run(text: Vectors, visual: Vectors) -> tuple[dict[str, dict[str, float]], dict]:
    """The whole gallery as a TREC run, with ids in row order, and its qrels."""
    scores = _scores(text, visual).tolist()
    names = [f"{row:03d}" for row in range(len(visual))]
    run = {names[at]: dict(zip(names, row, strict=True)) for at, row in enumerate(scores)}
    return run, {name: {name: 1} for name in names}


def pytrec_eval(text: Vectors, visual: Vectors) -> float:
    """success_1 of the whole ranking."""
    import pytrec_eval as library

    run, qrels = _run(text, visual)
    found = library.RelevanceEvaluator(qrels, {"success.1"}).evaluate(run)
    return float(np.mean([row["success_1"] for row in found.values()]))


def ranx(text: Vectors, visual: Vectors) -> float:
    """hit_rate@1 of the whole ranking."""
    from ranx import Qrels, Run, evaluate

    run, qrels = _run(text, visual)
    return float(evaluate(Qrels(qrels), Run(run), "hit_rate@1"))


def open_clip(text: Vectors, visual: Vectors) -> float:
    """What its training code prints."""
    from open_clip_train.train import get_clip_metrics

    found = get_clip_metrics(torch.from_numpy(visual), torch.from_numpy(text), torch.tensor(1.0))
    return float(found["text_to_image_R@1"])


def torchmetrics(text: Vectors, visual: Vectors) -> float:
    """RetrievalHitRate(top_k=1) over all queries."""
    from torchmetrics.retrieval import RetrievalHitRate

    scores = _scores(text, visual)
    queries = torch.arange(len(text))[:, None].expand(scores.shape)
    target = torch.eye(len(text), dtype=torch.bool)
    return float(RetrievalHitRate(top_k=1)(scores.ravel(), target.ravel(), indexes=queries.ravel()))


def sentence_transformers(text: Vectors, visual: Vectors) -> float:
    """accuracy@1 of its InformationRetrievalEvaluator, given the vectors."""
    from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator
    from sentence_transformers.util import dot_score

    names = [f"{row:03d}" for row in range(len(visual))]
    judge = InformationRetrievalEvaluator(
        dict.fromkeys(names, ""), dict.fromkeys(names, ""), {name: {name} for name in names},
        score_functions={"dot": dot_score}, accuracy_at_k=[1],
    )  # fmt: skip
    model = SimpleNamespace(encode_query=lambda *_, **__: torch.from_numpy(text))
    found = judge.compute_all_metrics(model, corpus_embeddings=torch.from_numpy(visual))
    return float(found["dot"]["accuracy@k"][1])


def clip_benchmark(text: Vectors, visual: Vectors) -> float:
    """Its recall_at_k in batches of 64, as it prints image_retrieval_recall@1."""
    from clip_benchmark.metrics.zeroshot_retrieval import batchify, recall_at_k

    positive = torch.eye(len(text), dtype=torch.bool)
    found = batchify(recall_at_k, _scores(text, visual), positive, 64, "cpu", k=1)
    return float((found > 0).float().mean())


PEERS: dict[str, tuple[str, Callable[[Vectors, Vectors], float]]] = {
    "pytrec_eval": ("pytrec-eval-terrier", pytrec_eval),
    "ranx": ("ranx", ranx),
    "open_clip": ("open_clip_torch", open_clip),
    "torchmetrics": ("torchmetrics", torchmetrics),
    "sentence-transformers": ("sentence-transformers", sentence_transformers),
    "CLIP_benchmark": ("clip_benchmark", clip_benchmark),
}


def measure() -> list[dict[str, object]]:
    """A row for each installed peer, the exact expectation and cmr first."""
    text, visual = make_vectors()
    rows: list[dict[str, object]] = [
        {"contender": "exact expectation", "version": None, "hit_rate@1": exact(text, visual)},
        {"contender": "cmr", "version": None, "hit_rate@1": cmr(text, visual)},
    ]
    for name, (package, contender) in PEERS.items():
        try:
            version = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
        rows.append({"contender": name, "version": version, "hit_rate@1": contender(text, visual)})
    return rows


@click.command()
@click.option("--out", default="bench/results", show_default=True)
def main(out: str) -> None:
    """Measure, print and write a dated file."""
    rows = measure()
    for row in rows:
        print(f"{row['contender']:<24}{row['version'] or '':<10}{row['hit_rate@1']:.4f}")
    day = datetime.now(UTC).date().isoformat()
    kept = {"day": day, "bench": "ties", "texts_visuals_dim": [PICTURES * COPIES] * 2 + [DIM],
            "torch": torch.__version__, "rows": rows}  # fmt: skip
    path = Path(out) / f"{day}-ties.json"
    path.write_text(json.dumps(kept, indent=1) + "\n")
    print(path)


if __name__ == "__main__":
    main()
