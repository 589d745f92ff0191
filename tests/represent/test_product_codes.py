"""Product codes: those of faiss's own quantiser with the same centroids, learnt as well as its."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from cmr.errors import CmrError
from cmr.precision import precision_of
from cmr.represent.product_codes import MOST, Codebook, _some, learn
from cmr.represent.quantizer_kinds import quantizer_kind, quantizers_for
from cmr.warehouse.codebooks import to_table

faiss = pytest.importorskip("faiss")
ROW = precision_of("pq16")


def vectors(rows, dim=32, seed=0):
    """Some directions outweigh others, as in real vectors."""
    rng = np.random.default_rng(seed)
    found = rng.standard_normal((rows, dim)) * np.linspace(0.2, 2, dim)
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def learnt():
    return learn([vectors(600)[:100], vectors(600)[100:]], ROW, 32, 3)


def test_codes_are_those_of_faiss(learnt):
    theirs = faiss.ProductQuantizer(32, 16, 8)
    faiss.copy_array_to_vector(learnt.centroids.reshape(-1), theirs.centroids)
    turned = np.ascontiguousarray(vectors(3000, seed=1) @ learnt.rotation)
    codes, wanted = learnt.encode(turned), theirs.compute_codes(turned)
    decoded = learnt.decode(codes)
    np.testing.assert_array_equal(decoded, theirs.decode(codes))
    # Two centroids may be equally near but for rounding.
    error = ((decoded - turned) ** 2).sum(axis=1)
    np.testing.assert_allclose(
        error, ((theirs.decode(wanted) - turned) ** 2).sum(axis=1), atol=1e-6
    )
    assert (codes == wanted).mean() > 0.999


def test_codes_by_definition(learnt):
    turned = vectors(5, seed=2) @ learnt.rotation
    codes = learnt.encode(turned)
    for row, coded in zip(turned, codes, strict=True):
        for part in range(16):
            far = ((learnt.centroids[part] - row[2 * part : 2 * part + 2]) ** 2).sum(axis=1)
            assert far[coded[part]] <= far.min() + 1e-6


@pytest.mark.slow
def test_learnt_as_well_as_by_faiss(learnt):
    """Its own rotation takes more turns; without a rotation the error is larger."""
    given = vectors(600)
    errors = {}
    for name, turns in (("plain", 0), ("theirs", 50)):
        theirs = faiss.ProductQuantizer(32, 16, 8)
        theirs.cp.min_points_per_centroid = 1
        turned = given
        if turns:
            rotation = faiss.OPQMatrix(32, 16)
            rotation.niter, rotation.pq = turns, theirs
            rotation.train(given)
            turned = rotation.apply(given)
        theirs.train(turned)
        errors[name] = ((theirs.decode(theirs.compute_codes(turned)) - turned) ** 2).mean()
    turned = given @ learnt.rotation
    mine = ((learnt.decode(learnt.encode(turned)) - turned) ** 2).mean()
    assert mine < errors["plain"]
    assert mine < 1.25 * errors["theirs"]
    np.testing.assert_allclose(learnt.rotation @ learnt.rotation.T, np.eye(32), atol=1e-5)
    assert learnt.learnt_by == f"faiss {faiss.__version__}"


def test_the_same_again(learnt):
    again = learn([vectors(600)], ROW, 32, 3)
    np.testing.assert_array_equal(again.rotation, learnt.rotation)
    np.testing.assert_array_equal(again.centroids, learnt.centroids)


def test_a_table_holds_it_all(learnt):
    rows = to_table(learnt).to_pylist()
    assert len(rows) == 32 + 16 * 256
    assert [row["values"] for row in rows[:32]] == learnt.rotation.tolist()
    assert all(row["part"] is None for row in rows[:32])
    for row in rows[32::97]:
        assert row["values"] == learnt.centroids[row["part"], row["code"]].tolist()


@pytest.mark.parametrize("rows", [0, 1, MOST, MOST + 1, 2 * MOST + 1])
def test_what_is_learnt_from_is_spread_evenly(rows):
    given = np.arange(rows, dtype=np.float32)[:, None]
    found = _some([given[at : at + 1000] for at in range(0, rows, 1000)], 1)[:, 0]
    step = -(-rows // MOST) or 1
    np.testing.assert_array_equal(found, np.arange(0, rows, step))


def test_what_cannot_be_learnt(monkeypatch):
    with pytest.raises(CmrError, match="needs as many vectors; there are 255"):
        learn([vectors(255)], ROW, 32, 0)
    with pytest.raises(CmrError, match="16 equal parts, which 40 dimensions do not have"):
        learn([vectors(300, 40)], ROW, 40, 0)
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(CmrError, match=r"pq16 learns with faiss.*pip install '\.\[faiss\]'"):
        learn([vectors(300)], ROW, 32, 0)


def test_its_quantizer_makes_nothing_else():
    assert quantizers_for("pq16", ["absmax", "pq"]) == ["pq"]
    assert quantizers_for("pq16", ["rotated"]) == ["pq"]
    assert quantizers_for("int8", ["pq"]) == ["absmax"]
    kind = quantizer_kind("pq")
    assert kind.learns == "gallery"
    assert not kind.compares_codes(ROW)


def test_sizes():
    assert [precision_of(f"pq{n}").vector_bytes(512) for n in (16, 32, 64, 128, 256)] == [
        16, 32, 64, 128, 256,
    ]  # fmt: skip
    codes = Codebook(np.eye(16, dtype=np.float32), np.zeros((16, 256, 1), np.float32))
    assert codes.encode(vectors(3, 16)).shape == (3, 16)
