"""The number of near-duplicates by vectors: every pair, exactly, as an attribute of its items."""

from __future__ import annotations

import numpy as np
import pytest

from cmr.answers import fetch
from cmr.pipeline import near_duplicates
from cmr.pipeline.near_duplicates import count_near
from cmr.represent.unit_vectors import normalise
from cmr.views import connect

STORED = (
    "select modality, list(value::int order by ordinal) as counts from attributes "
    "inner join items using (dataset, modality, item_id) where name = '{}' group by modality"
)


def slowly(vectors, threshold):
    full = vectors.astype(np.float64) @ vectors.astype(np.float64).T >= threshold - 1e-6
    np.fill_diagonal(full, False)
    return full.sum(1)


@pytest.mark.parametrize("tile", [3, 7, 2048])
def test_counts(monkeypatch, tile):
    """Copies, neighbours, and cosines that float32 does not tell from the threshold."""
    monkeypatch.setattr(near_duplicates, "TILE", tile)
    rng = np.random.default_rng(0)
    base = rng.standard_normal((12, 64))
    many = np.concatenate([base, base[:5], base + 0.25 * rng.standard_normal((12, 64))])
    vectors = normalise(many.astype(np.float32), range(len(many)), "item")
    exact = np.sort((vectors.astype(np.float64) @ vectors.astype(np.float64).T).ravel())
    close = [one + 1e-6 + off for one in exact[-70:-40:7] for off in (-1e-11, 1e-11)]
    for threshold in (0.5, 0.95, 1.0, *close):
        assert count_near(vectors, threshold).tolist() == slowly(vectors, threshold).tolist()


def test_stored_as_an_attribute(cmr, npz, tmp_path):
    root = str(tmp_path / "w")
    cmr("ingest", "npz", npz(), "-w", root, "--dataset", "d", "--model-name", "m")
    said = cmr("ingest", "near-duplicates", "-w", root).stderr
    assert "d: " in said
    assert "4 of 30 visuals have near-duplicates by m, cosine 0.95 or more" in said
    con = connect(root)
    found = {
        row["modality"]: row["counts"]
        for row in fetch(con, STORED.format("near_duplicates m")).to_pylist()
    }
    arrays = np.load(npz())
    for side, key in (("text", "text_40"), ("visual", "video_40")):
        unit = normalise(arrays[key], range(len(arrays[key])), side)
        assert found[side] == slowly(unit, 0.95).tolist()
    number = "select sum(number) from item_attributes where name = 'near_duplicates m'"
    assert con.execute(number).fetchone()[0] == sum(map(sum, found.values()))
    cmr("ingest", "near-duplicates", "-w", root, "--threshold", ".1")
    again = fetch(connect(root), STORED.format("near_duplicates m")).to_pylist()
    assert sum(sum(row["counts"]) for row in again) > sum(map(sum, found.values()))
    assert {len(row["counts"]) for row in again} == {60, 30}


@pytest.mark.slow
def test_gone_where_the_data_set_grows(cmr, tmp_path):
    """Items that came later may be near-duplicates of the others."""
    root = str(tmp_path / "w")
    for limit, there in ((4, 1), (6, 0)):
        cmr("ingest", "scenes", "--limit", limit, "-w", root)
        if there:
            cmr("ingest", "near-duplicates", "-w", root)
        names = "select count(*) from attributes where starts_with(name, 'near_duplicates')"
        assert bool(connect(root).execute(names).fetchone()[0]) == bool(there)


def test_what_cannot_be(cmr, npz, tmp_path):
    root = str(tmp_path / "w")
    cmr("ingest", "npz", npz(), "-w", root, "--dataset", "d")
    refused = cmr("ingest", "near-duplicates", "-w", root, "--at-most", "59", code=1).stderr
    assert "'d' has 60 texts" in refused
    assert "--at-most 60 allows it" in refused
    assert "no vectors by the model" in cmr(
        "ingest", "near-duplicates", "-w", root, "--model", "x", code=1
    ).stderr  # fmt: skip
