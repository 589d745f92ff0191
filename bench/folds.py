"""COCO's 1K test, five folds averaged, beside the expectation over random pools of the same sizes.

    python bench/folds.py [--pictures 5000] [--partitions 20] [--out bench/results]

A fold is a fifth of the pictures with all of their five captions: texts search among the fold's
pictures, pictures among its captions. Vectors are random, a caption's near its picture's. The folds
are drawn repeatedly, and their mean is printed with its standard error.
"""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import click
import numpy as np

DIM, CAPTIONS, FOLDS = 64, 5, 5
KS = (1, 10)
Vectors = np.ndarray


def make_vectors(pictures: int, seed: int = 0) -> tuple[Vectors, Vectors]:
    """Texts (5 · pictures, d) and visuals (pictures, d), float32; text i is of visual i // 5."""
    rng = np.random.default_rng(seed)
    visual = rng.standard_normal((pictures, DIM))
    # What the five captions of a picture have in common, and what each has in addition.
    shared = visual + 2.2 * rng.standard_normal(visual.shape)
    text = np.repeat(shared, CAPTIONS, axis=0)
    text += 1.2 * rng.standard_normal(text.shape)
    return _unit(text), _unit(visual)


def _unit(rows: Vectors) -> Vectors:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def hit_rates(scores: Vectors, relevant: Vectors) -> list[float]:
    """hit_rate@K for each K, from the best relevant item's place; assumes no ties."""
    best = np.where(relevant, scores, -np.inf).max(1, keepdims=True)
    rank = 1 + (scores > best).sum(1)
    return [float((rank <= k).mean()) for k in KS]


def of_folds(text: Vectors, visual: Vectors, rng: np.random.Generator) -> dict[str, list[float]]:
    """The mean over the five folds of one partition, both directions."""
    found: dict[str, list[list[float]]] = {"t2v": [], "v2t": []}
    for fold in rng.permutation(len(visual)).reshape(FOLDS, -1):
        texts = (fold[:, None] * CAPTIONS + np.arange(CAPTIONS)).ravel()
        scores = text[texts] @ visual[fold].T
        relevant = (texts // CAPTIONS)[:, None] == fold[None, :]
        found["t2v"].append(hit_rates(scores, relevant))
        found["v2t"].append(hit_rates(scores.T, relevant.T))
    return {way: np.mean(values, axis=0).tolist() for way, values in found.items()}


def of_pools(text: Vectors, visual: Vectors) -> dict[tuple[str, int, int], float]:
    """cmr's `expected`, by direction, C and K, with C = a fold's pictures and a fold's captions."""
    import cmr

    size = len(visual) // FOLDS
    rows = np.arange(len(text))
    asked = {"t2v": [size], "v2t": [size, size * CAPTIONS]}
    with tempfile.TemporaryDirectory() as folder:
        wh = cmr.open(f"{folder}/w", create=True)
        pairs = np.column_stack([rows, rows // CAPTIONS])
        wh.ingest_arrays(text, visual, pairs, dataset="folds", model="m")
        for way, sizes in asked.items():
            wh.evaluate(dims=DIM, precisions="fp32", protocols="expected", directions=way,
                        candidates=sizes, k=list(KS))  # fmt: skip
        rows = wh.metrics(protocol="expected", measure="hit_rate").dicts()
    return {
        (row["direction"], row["candidates"], row["k"]): float(row["value"])
        for row in rows
        if row["candidates"] in asked[row["direction"]] and row["k"] in KS
    }


def measure(pictures: int, partitions: int) -> list[dict[str, object]]:
    """One row per direction and K: the folds with their standard error, and the pools."""
    text, visual = make_vectors(pictures)
    rng = np.random.default_rng(1)
    drawn = [of_folds(text, visual, rng) for _ in range(partitions)]
    pools = of_pools(text, visual)
    rows = []
    for way in ("t2v", "v2t"):
        values = np.array([one[way] for one in drawn])
        for at, k in enumerate(KS):
            row: dict[str, object] = {
                "direction": way, "measure": f"hit_rate@{k}",
                "folds": round(float(values[:, at].mean()), 5),
                "standard_error": round(float(values[:, at].std(ddof=1) / partitions**0.5), 5),
            }  # fmt: skip
            for (direction, count, cut), value in pools.items():
                if (direction, cut) == (way, k):
                    row[f"expected_C_{count}"] = round(value, 5)
            rows.append(row)
    return rows


@click.command()
@click.option("--pictures", default=5_000, show_default=True)
@click.option("--partitions", default=20, show_default=True)
@click.option("--out", default="bench/results", show_default=True)
def main(pictures: int, partitions: int, out: str) -> None:
    """Measure, print and write a dated file."""
    rows = measure(pictures, partitions)
    for row in rows:
        print(row)
    day = datetime.now(UTC).date().isoformat()
    kept = {"day": day, "bench": "folds", "texts_visuals_dim": [pictures * CAPTIONS, pictures, DIM],
            "partitions": partitions, "rows": rows}  # fmt: skip
    path = Path(out) / f"{day}-folds.json"
    path.write_text(json.dumps(kept, indent=1) + "\n")
    print(path)


if __name__ == "__main__":
    main()
