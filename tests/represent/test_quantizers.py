"""Quantisers against their definitions, value by value, and what the audit says of them."""

from __future__ import annotations

import numpy as np
import pytest

from cmr.represent.audit import Audit
from cmr.represent.coded_sets import from_row
from cmr.represent.precisions import encode, to_integers
from cmr.represent.quantizer_kinds import quantizers_for
from cmr.represent.quantizers import Quantizer, Ranges, ranges_of, rotation
from cmr.represent.unit_vectors import normalise
from tests.reference import counts

LEVELS = {"int8": 256, "int4": 16, "b1": 2}


def unit(rows, dim, seed=0):
    vectors = np.random.default_rng(seed).standard_normal((rows, dim)) + np.linspace(-1, 1, dim)
    return normalise(vectors, [str(row) for row in range(rows)], "item")


@pytest.fixture
def sides():
    """A gallery, queries of which some values lie beyond its ranges, and a constant dimension."""
    gallery, queries = unit(40, 33), unit(25, 33, 1) * 1.3
    gallery[:, 5] = 0.25
    return gallery.astype(np.float32), queries.astype(np.float32)


@pytest.mark.parametrize("precision", LEVELS)
def test_calibrated_codes_by_definition(sides, precision):
    gallery, _ = sides
    quantizer = Quantizer("calibrated", ranges=ranges_of([gallery[:15], gallery[15:]], 33))
    for vectors in sides:
        encoded = quantizer.encode(vectors, precision)
        codes = counts.values(encoded)
        assert set(encoded.scales.tolist()) == {1.0}
        for i, j in np.ndindex(*vectors.shape):
            low, high = gallery[:, j].min(), gallery[:, j].max()
            step = np.float32(high - low) / np.float32(LEVELS[precision] - 1) or np.float32(1)
            place = min(max(round(float((vectors[i, j] - low) / step)), 0), LEVELS[precision] - 1)
            code = place - LEVELS[precision] // 2
            if precision == "b1":
                code = 2 * place - 1
            assert codes[i, j] == code
            middle = low + (place + 0.5) * (high - low) / 2
            value = middle if precision == "b1" else low + place * step
            assert quantizer.decode(encoded)[i, j] == pytest.approx(value, abs=1e-6)


def test_calibrated_uses_every_code_and_clips_what_lies_beyond(sides):
    gallery, queries = sides
    quantizer = Quantizer("calibrated", ranges=ranges_of([gallery], 33))
    assert {-128, 127} <= set(to_integers(quantizer.encode(gallery, "int8")).ravel().tolist())
    found = []
    for vectors in sides:
        audit = Audit(quantizer)
        for part in (vectors[:7], vectors[7:]):
            audit.add(part, quantizer.encode(part, "int8"))
        found.append(audit.result())
    assert found[0]["clip_rate"] == 0
    low, high = gallery.min(axis=0), gallery.max(axis=0)
    beyond = ((queries < low) | (queries > high)).mean()
    assert found[1]["clip_rate"] == pytest.approx(beyond)
    assert beyond > 0.01


def test_a_rotation_keeps_dot_products_and_spreads_what_is_large():
    turn = rotation(64, 7)
    np.testing.assert_allclose(turn @ turn.T, np.eye(64), atol=1e-6)
    np.testing.assert_array_equal(turn, rotation(64, 7))
    assert np.abs(turn - rotation(64, 8)).max() > 0.1
    vectors = unit(50, 64)
    vectors[:, 0] += 3
    vectors = normalise(vectors, range(50), "item")
    quantizer = Quantizer("rotated", rotation=turn)
    np.testing.assert_allclose(
        quantizer.turn(vectors) @ quantizer.turn(vectors).T, vectors @ vectors.T, atol=1e-5
    )
    plain = encode((vectors @ turn).astype(np.float32), "int4")
    coded = quantizer.encode(vectors, "int4")
    np.testing.assert_array_equal(coded.data, plain.data)
    errors = []
    for one in (Quantizer("absmax"), quantizer):
        audit = Audit(one)
        audit.add(vectors, one.encode(vectors, "int4"))
        errors.append(audit.result()["error"])
    assert errors[1] < errors[0] / 4


@pytest.mark.parametrize("precision", ["fp8_e4m3", "fp8_e5m2", "int8", "int4", "b1"])
def test_the_audit_of_a_scale_a_vector(precision):
    vectors = unit(30, 48)
    audit, quantizer = Audit(Quantizer("absmax")), Quantizer("absmax")
    encoded = quantizer.encode(vectors, precision)
    audit.add(vectors, encoded)
    plain = counts.values(encoded)
    used = len(np.unique(plain))
    if precision in ("int8", "int4"):
        plain = plain * encoded.scales[:, None]
    if precision == "b1":
        plain = plain / np.sqrt(48)
    found = audit.result()
    assert found["clip_rate"] == 0
    assert found["error"] == pytest.approx(((vectors - plain) ** 2).sum(1).mean(), rel=1e-5)
    if not precision.startswith("fp8"):
        assert found["used_codes"] == used


def test_a_stored_quantizer_reads_its_codes():
    vectors = unit(20, 16)
    ranges = ranges_of([vectors], 16)
    low, high = ranges.low.tolist(), ranges.high.tolist()
    rows = [
        {"quantizer": None, "dim": 16, "seed": None},
        {"quantizer": "rotated", "dim": 16, "seed": 3},
        {"quantizer": "calibrated", "dim": 16, "seed": None, "range_low": low, "range_high": high},
    ]
    made = [
        Quantizer("absmax"),
        Quantizer("rotated", rotation=rotation(16, 3)),
        Quantizer("calibrated", ranges=Ranges(ranges.low, ranges.high)),
    ]
    for row, quantizer in zip(rows, made, strict=True):
        coded = quantizer.encode(vectors, "int8")
        np.testing.assert_array_equal(from_row(row).decode(coded), quantizer.decode(coded))
        assert np.abs(quantizer.decode(coded) - quantizer.turn(vectors)).max() < 0.01


def test_precisions_without_a_quantizer():
    every = ("absmax", "calibrated", "rotated")
    assert quantizers_for("fp16", every) == ["absmax"]
    assert quantizers_for("fp8_e4m3", every) == ["absmax", "rotated"]
    assert quantizers_for("fp8_e4m3", ("calibrated",)) == ["absmax"]
    assert quantizers_for("b1", every) == list(every)
