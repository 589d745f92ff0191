"""What `cmr warehouse verify` advises makes every damaged file again."""

from __future__ import annotations

import os
import random

import numpy as np
import pytest

from tests.conftest import npz_arrays
from tests.faults.damage import altered, delete, flip, rows_gone
from tests.faults.test_damaged_files import OPTIONS, QUESTIONS, figures, files_of

# What each of them needs; a set of vectors is the native one, or derived from it.
INGEST, FORCE = "ingest", "force"
ADVICE = {
    "items": INGEST, "qrels": INGEST, "rejects": INGEST, "native": INGEST, "datasets": INGEST,
    "anchors": INGEST, "marker": INGEST, "derived": FORCE, "ranks": FORCE, "hits": FORCE,
    "sampled_ranks": FORCE, "timings": FORCE, "runs": FORCE, "embedding_sets": INGEST + FORCE,
}  # fmt: skip
EVERY = [
    (table, damage)
    for table in ADVICE
    for damage in (rows_gone, delete, flip, altered)
    if table != "marker" or damage is delete
]
CASES = EVERY if os.environ.get("CMR_FAULTS") == "all" else random.Random(3).sample(EVERY, 8)


def vectors(root, derived):
    return [
        path for path in files_of(root, "embeddings") if ("precision=fp32" in str(path)) != derived
    ]


@pytest.mark.parametrize(("table", "damage"), CASES, ids=lambda one: getattr(one, "__name__", one))
def test_the_advice_heals(evaluated_with, cmr, tmp_path, table, damage):
    root = evaluated_with(*OPTIONS)
    asked = [("sql", query, "--format", "csv", "-w", root) for query in QUESTIONS.values()]
    truth = [figures(cmr(*one).stdout) for one in asked]
    derived = {"native": False, "derived": True}.get(table)
    files = files_of(root, table) if derived is None else vectors(root, derived)
    rng = random.Random(f"{table} {damage.__name__}")
    path = rng.choice(files)
    damage(path, files[0], rng)
    np.savez(tmp_path / "data.npz", **npz_arrays())
    if INGEST in ADVICE[table]:
        cmr("ingest", "npz", tmp_path / "data.npz", "--dataset", "d", "-w", root)
    if FORCE in ADVICE[table]:
        cmr("evaluate", *OPTIONS, "--force", "-w", root)
    assert "are sound" in cmr("warehouse", "verify", "-w", root).stdout
    assert [figures(cmr(*one).stdout) for one in asked] == truth
