"""Search by what codes stand for where something was subtracted, against a full matrix."""

from __future__ import annotations

import numpy as np
import pytest

from cmr.represent.precisions import encode
from cmr.represent.quantizers import Quantizer
from cmr.score.asymmetric import AsFloats, largest_product, plan_for
from cmr.score.blocks import Held
from cmr.score.exhaustive import score
from cmr.score.planning import make_plan
from cmr.score.search.asymmetric_index import AsymmetricSearcher
from tests.reference import counts as reference
from tests.score.test_engine import directions
from tests.score.test_usearch import real_shaped


def sides(precision):
    """Both sides' codes with their own means, and what they stand for, float64."""
    a, b, relevant = real_shaped()
    made = []
    for vectors in (a, b + np.float32(0.1)):
        quantizer = Quantizer("centred", centre=vectors.mean(axis=0))
        coded = quantizer.encode(vectors, precision)
        values = reference.values(coded) * coded.scales[:, None].astype(float)
        made.append((quantizer, coded, values + quantizer.centre))
    return *made, relevant


@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_counts_hold_the_terms_of_both_centres(precision):
    (own, texts, a), (other, visuals, b), relevant = sides(precision)
    queries = AsFloats(Held(texts), own.decode)
    items = AsFloats(Held(visuals), other.decode)
    longest = largest_product(queries, items)
    lengths = [np.linalg.norm(side, axis=1).max() for side in (a, b)]
    assert longest == pytest.approx(np.prod(np.maximum(lengths, 1)))
    plan = plan_for(make_plan("fp32", 64, 150, 120), longest)
    found = score(queries, items, directions(relevant, ("t2v", "v2t")), None, plan)
    for way, full, truth in (("t2v", a @ b.T, relevant), ("v2t", b @ a.T, relevant.T)):
        one = found[way]
        rows = [one.above, one.tied, one.relevants_above, one.relevants_tied]
        np.testing.assert_array_equal(np.stack(rows, 1), reference.count(full, truth, False))


@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_a_gallery_held_as_codes(precision):
    (own, texts, a), (other, visuals, b), _ = sides(precision)
    full = a @ b.T
    found, scores = AsymmetricSearcher(visuals, other, read=own.decode).search(texts, 9)
    np.testing.assert_allclose(scores, -np.sort(-full, axis=1)[:, :9], atol=2e-6)
    np.testing.assert_allclose(np.take_along_axis(full, found, 1), scores, atol=2e-6)
    floats = real_shaped()[0]
    plain = AsymmetricSearcher(visuals, other)
    found, scores = plain.search(encode(floats, "fp32"), 9)
    full = floats.astype(float) @ b.T
    np.testing.assert_allclose(scores, -np.sort(-full, axis=1)[:, :9], atol=2e-6)
