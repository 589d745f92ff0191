"""Runs of RaBitQ's precisions: counts of NumPy over what the stored codes stand for."""

from __future__ import annotations

import numpy as np
import pytest

import cmr as package
from cmr.answers import fetch
from cmr.views import connect
from tests.reference import counts

pytestmark = pytest.mark.slow

TEXTS, VISUALS, DIM = 90, 60, 24


@pytest.mark.usefixtures("no_answer")
@pytest.mark.parametrize("queries", [(), ("--asymmetric",)])
def test_counts(cmr, tmp_path, queries):
    rng = np.random.default_rng(0)
    truth = np.arange(TEXTS) % VISUALS
    visual = rng.standard_normal((VISUALS, DIM)) + 1
    text = visual[truth] + rng.standard_normal((TEXTS, DIM)) - 1
    arrays = {f"text_{DIM}": text, f"video_{DIM}": visual}
    np.savez(tmp_path / "d.npz", ground_truth=truth,
             **{name: one.astype(np.float32) for name, one in arrays.items()})  # fmt: skip
    root = tmp_path / "w"
    cmr("ingest", "npz", tmp_path / "d.npz", "--dataset", "d", "-w", root)
    asked = ("--dims", DIM, "--precisions", "rabitq1,rabitq2,rabitq3,rabitq4", "--folds", "0")
    cmr("evaluate", *asked, "--protocols", "full", *queries, "-w", root)
    opened = package.open(str(root))
    sets = {
        row["set_id"]: row for row in fetch(connect(str(root)), "from embedding_sets").to_pylist()
    }
    runs = fetch(connect(str(root)), "from runs").to_pylist()
    assert len(runs) == 8
    native = {
        side: opened.embeddings(modality=side, dim=DIM, precision="fp32").floats()
        for side in ("text", "visual")
    }
    for run in runs:
        ask, find = ("text", "visual") if run["direction"] == "t2v" else ("visual", "text")
        gallery = read(opened, sets[run[f"{find}_set"]])
        asking = native[ask] @ gallery[1] if queries else read(opened, sets[run[f"{ask}_set"]])[0]
        relevant = np.equal.outer(truth, np.arange(VISUALS))
        relevant = relevant if ask == "text" else relevant.T
        full = asking.astype(np.float64) @ gallery[0].astype(np.float64).T
        expected = counts.count(full, relevant, exact=False)
        rows = fetch(
            connect(str(root)),
            "select above, tied, relevants_above, relevants_tied from ranks "
            f"where run_id = '{run['run_id']}' order by query_id::int, item_id::int",
        ).to_pylist()
        assert [list(row.values()) for row in rows] == expected.tolist()
        assert run["vector_bytes"] == DIM * int(run["precision"][-1]) // 8


def read(opened, row):
    """What a stored set's codes stand for, in its rotated space, and the rotation."""
    from cmr.represent.coded_sets import from_row
    from cmr.warehouse.vectors import StoredVectors

    made = from_row(row)
    return made.decode(StoredVectors(opened.store, row).all()), made.rotation
