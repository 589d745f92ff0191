"""What is subtracted before coding, value by value, and what becomes of the codes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cmr.precision import INTEGER, ROWS, precision_of
from cmr.represent.audit import Audit
from cmr.represent.coded_sets import asking, from_row, multiplied
from cmr.represent.precisions import encode
from cmr.represent.quantizer_kinds import (
    GALLERY_SIDE,
    OWN_SIDE,
    quantizer_kind,
    quantizer_names,
    quantizers_for,
    quantizers_named,
)
from cmr.represent.quantizers import Quantizer, mean_of, median_of, ranges_of, rotation
from cmr.represent.unit_vectors import normalise
from tests.reference import counts

LIMITS = {"int8": 127, "int4": 7}


def cone(rows, dim=24, seed=0, shift=2.0):
    """Unit vectors about a common direction."""
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((rows, dim)) + shift * np.linspace(-1, 1, dim)
    return normalise(vectors, range(rows), "item")


@pytest.mark.parametrize(
    "precision", [name for name in INTEGER if quantizer_kind("centred").codes(precision_of(name))]
)
def test_codes_by_definition(precision):
    vectors = cone(40)
    centre = np.array([sum(map(float, column)) / 40 for column in vectors.T], dtype=np.float32)
    quantizer = Quantizer("centred", centre=centre)
    encoded = quantizer.encode(vectors, precision)
    codes, decoded = counts.values(encoded), quantizer.decode(encoded)
    for i in range(40):
        shifted = vectors[i] - centre
        if precision == "b1":
            assert codes[i].tolist() == [1 if value > 0 else -1 for value in shifted]
            np.testing.assert_allclose(decoded[i], codes[i] / np.sqrt(24), rtol=1e-6)
            continue
        scale = np.abs(shifted).max() / np.float32(LIMITS[precision])
        assert encoded.scales[i] == scale
        assert codes[i].tolist() == [round(float(value / scale)) for value in shifted]
        np.testing.assert_allclose(decoded[i], codes[i] * float(scale) + centre, atol=1e-7)
        assert np.abs(decoded[i] - vectors[i]).max() <= scale * 0.51


@pytest.mark.parametrize("rows", [1, 7, 40])
def test_what_is_learnt(rows):
    """However the vectors are cut into blocks, and however few dimensions fit at a time."""
    vectors = cone(rows)
    parts = [vectors[:5], vectors[5:6], vectors[6:]]
    np.testing.assert_array_equal(
        mean_of(parts, 24), vectors.astype(float).mean(axis=0).astype(np.float32)
    )
    for room in (1, 4 * rows * 5, 2**20):
        np.testing.assert_array_equal(median_of(parts, 24, room), np.median(vectors, axis=0))


def test_a_kind_learns_what_is_coded():
    """Of turned vectors, and ranges of what is left of them."""
    vectors, turn = cone(30), rotation(24, 5)
    kinds = {name: quantizer_kind(name) for name in ("absmax", "calibrated", "centred", "median")}
    assert [kind.learns for kind in kinds.values()] == [None, GALLERY_SIDE, OWN_SIDE, GALLERY_SIDE]
    both = replace(
        kinds["median"], rotation=rotation, ranges=ranges_of, codes=lambda row: row.is_coded
    )
    made = both.make("both", 24, 5, lambda: [vectors[:11], vectors[11:]])
    turned = (vectors @ turn).astype(np.float32)
    np.testing.assert_allclose(made.centre, np.median(turned, axis=0), atol=1e-6)
    np.testing.assert_allclose(made.ranges.low, (turned - made.centre).min(axis=0), atol=1e-6)
    for quantizer, precision in ((made, "int8"), (replace(made, ranges=None), "fp8_e4m3")):
        coded = quantizer.encode(vectors, precision)
        assert np.abs(quantizer.decode(coded) - quantizer.ask(vectors, precision)).max() < 0.03


def test_which_codes_are_compared_as_they_are():
    for name in ("centred", "median"):
        kind = quantizer_kind(name)
        assert [row.name for row in ROWS if kind.codes(row)] == ["int8", "int4", "b1"]
        for precision in INTEGER:
            row = {"quantizer": name, "precision": precision}
            assert kind.compares_codes(precision_of(precision)) == (precision == "b1")
            assert multiplied(row) == ("b1" if precision == "b1" else "fp32")
    for name in ("absmax", "calibrated", "rotated", None):
        assert multiplied({"quantizer": name, "precision": "int4"}) == "int4"
    assert multiplied({"quantizer": None, "precision": "bf16"}) == "bf16"


def test_all_are_all_there_are():
    assert quantizers_named(["absmax", "all"]) == quantizer_names()
    assert quantizers_named(["rotated"]) == ["rotated"]
    assert quantizers_for("fp8_e4m3", quantizers_named(["all"])) == ["absmax", "rotated"]
    assert quantizers_for("fp16", quantizers_named(["all"])) == ["absmax"]


@pytest.mark.parametrize("precision", INTEGER)
def test_a_vector_at_the_centre(precision):
    """Where all are equal nothing is left to code: the codes stand for the centre."""
    vectors = np.repeat(cone(1), 3, axis=0)
    quantizer = Quantizer("centred", centre=mean_of([vectors], 24))
    encoded = quantizer.encode(vectors, precision)
    assert np.isfinite(encoded.scales).all()
    if precision != "b1":
        np.testing.assert_array_equal(quantizer.decode(encoded), vectors)
    audit = Audit(quantizer)
    audit.add(vectors, encoded)
    assert np.isfinite(audit.result()["error"])


def test_a_stored_centre_reads_its_codes_and_asks():
    """Queries that are not coded: as they are, but for bits seen from their own side's centre."""
    texts, visuals = cone(20), cone(25, seed=1, shift=-3.0)
    own, theirs = mean_of([visuals], 24), mean_of([texts], 24)
    for name in ("centred", "median"):
        row = {"quantizer": name, "dim": 24, "seed": None, "centre": own.tolist()}
        quantizer = Quantizer(name, centre=own)
        for precision in INTEGER:
            row["precision"] = precision
            coded = quantizer.encode(visuals, precision)
            np.testing.assert_array_equal(from_row(row).decode(coded), quantizer.decode(coded))
            asked = asking(row, lambda: [texts[:3], texts[3:]]).ask(texts, precision)
            wanted = texts
            if precision == "b1":
                wanted = texts - (theirs if name == "centred" else own)
            np.testing.assert_array_equal(asked, wanted)
    plain = {"quantizer": "absmax", "precision": "b1", "dim": 24, "seed": None}
    np.testing.assert_array_equal(asking(plain, list).ask(texts, "b1"), texts)


@pytest.mark.parametrize("precision", ["fp8_e4m3", *INTEGER])
def test_how_many_bits_are_balanced(precision):
    vectors = cone(60)
    ranges = ranges_of([vectors], 24)
    cut = {
        "absmax": (Quantizer("absmax"), 0),
        "centred": (Quantizer("centred", centre=vectors.mean(0)), vectors.mean(0)),
        "calibrated": (Quantizer("calibrated", ranges=ranges), (ranges.low + ranges.high) / 2),
    }
    found = {}
    for name, (quantizer, middle) in cut.items():
        if precision == "fp8_e4m3" and name != "absmax":
            continue
        audit = Audit(quantizer)
        for part in (vectors[:13], vectors[13:]):
            audit.add(part, quantizer.encode(part, precision))
        share = (vectors > middle).mean(axis=0)
        found[name] = audit.result()["balanced"]
        assert found[name] == ((share >= 0.4) & (share <= 0.6)).mean()
    assert found["absmax"] < 0.5 < found.get("centred", 1)


def test_the_error_of_bits_is_of_the_direction_from_the_centre():
    vectors = cone(50)
    quantizer = Quantizer("centred", centre=vectors.mean(0))
    audit = Audit(quantizer)
    audit.add(vectors, quantizer.encode(vectors, "b1"))
    rest = vectors - vectors.mean(0)
    rest = rest / np.linalg.norm(rest, axis=1, keepdims=True)
    missing = ((rest - np.sign(rest) / np.sqrt(24)) ** 2).sum(1).mean()
    assert audit.result()["error"] == pytest.approx(missing, rel=1e-5)
    assert (encode(vectors, "b1").data != quantizer.encode(vectors, "b1").data).any()
