"""usearch's exact counts against a full matrix, and lists against their plain reading."""

from __future__ import annotations

import numpy as np
import pytest

from cmr.errors import CmrError
from cmr.precision import ALONE, INTEGER, precision_of
from cmr.represent.precisions import encode
from cmr.represent.quantizer_kinds import quantizers_for
from cmr.represent.quantizers import Quantizer, ranges_of, rotation
from cmr.represent.unit_vectors import normalise
from cmr.score.asymmetric import AsFloats, plan_for
from cmr.score.blocks import Held
from cmr.score.exhaustive import score
from cmr.score.planning import make_plan
from cmr.score.pools import Pools
from cmr.score.search import asymmetric_index, usearch_exact, usearch_index
from cmr.score.search.asymmetric_index import AsymmetricSearcher
from cmr.score.search.graph_settings import Hnsw
from cmr.score.search.indexes import Building
from cmr.score.search.returned_lists import Lists, counts, exact_above
from cmr.score.search.scorer_kinds import BUILT_IN, scorer_kind
from cmr.score.search.stages import Stages, graph_lists, rescored_lists, searched
from cmr.score.search.usearch_index import UsearchHnsw
from tests.reference import counts as reference
from tests.reference import lists as plain
from tests.score.test_engine import directions, make_case


def build(scorer, items, hnsw=None):
    """By one thread: what several make of a graph finds now more, now less."""
    return scorer_kind(scorer).build(items, Building(hnsw or Hnsw(), threads=1))


def real_shaped(texts=150, visuals=120, dim=64, seed=0):
    """Two modalities apart, several texts a visual, equal vectors, a dimension that outweighs."""
    rng = np.random.default_rng(seed)
    b = rng.standard_normal((visuals, dim))
    b[7:11] = b[6]
    truth = rng.integers(0, visuals, texts)
    a = b[truth] + rng.standard_normal((texts, dim))
    a[3:6] = a[2]
    a[:, 0] += 4
    b[:, 1] -= 4
    relevant = np.zeros((texts, visuals), dtype=bool)
    relevant[np.arange(texts), truth] = True
    relevant[0, 6:12] = True
    return normalise(a, range(texts), "text"), normalise(b, range(visuals), "visual"), relevant


@pytest.mark.slow
@pytest.mark.parametrize("precision", ALONE)
def test_exact_counts_are_those_of_a_full_matrix(precision):
    a, b, relevant = real_shaped()
    left, right = encode(a, precision), encode(b, precision)
    full = reference.scores(left, right)
    pools, other = Pools([20, 60], 2, 3), Pools([20, 60], 2, 3)
    # So little memory that both sides are cut.
    found = usearch_exact.score(Held(left), Held(right), directions(relevant), pools, 16 * 120 * 40)
    plan = make_plan(precision, 64, 150, 120)
    torch = score(Held(left), Held(right), directions(relevant), other, plan)
    for name in ("t2v", "v2t"):
        matrix, judged = (full, relevant) if name == "t2v" else (full.T, relevant.T)
        got, want = found[name], reference.count(matrix, judged, precision in INTEGER)
        rows = [got.above, got.tied, got.relevants_above, got.relevants_tied]
        np.testing.assert_array_equal(np.stack(rows, axis=1), want, err_msg=name)
        np.testing.assert_allclose(got.scores, matrix[judged], atol=2e-6)
        for field in ("sampled_above", "sampled_tied"):
            np.testing.assert_array_equal(getattr(got, field), getattr(torch[name], field))


def test_a_stretch_of_the_gallery_is_bounded(monkeypatch):
    """No call of usearch sees more queries times items than the memory allows."""
    a, b, relevant = real_shaped(400, 3000)
    sizes = []
    search = usearch_exact.exact_search

    def watched(items, queries, count, like, threads=0):
        sizes.append(len(items) * len(queries))
        return search(items, queries, count, like, threads)

    monkeypatch.setattr(usearch_exact, "exact_search", watched)
    memory = 2 * 16 * 256 * 100
    sides = Held(encode(a, "int8")), Held(encode(b, "int8"))
    found = usearch_exact.score(*sides, directions(relevant, ("t2v",)), None, memory)
    assert max(sizes) * usearch_exact.EXACT_BYTES <= memory
    assert sum(sizes) == 400 * 3000
    plan = make_plan("int8", 64, 400, 3000)
    torch = score(*sides, directions(relevant, ("t2v",)), None, plan)
    np.testing.assert_array_equal(found["t2v"].above, torch["t2v"].above)


@pytest.mark.parametrize("precision", ALONE)
def test_searchers_find_the_top_of_a_full_matrix(precision):
    """torch by the product of codes, usearch by their cosine; by bits and floats the same."""
    a, b, _ = real_shaped()
    left, right = encode(a, precision), encode(b, precision)
    full = reference.scores(left, right)
    decoded = [reference.values(side) for side in (left, right)]
    length = [np.linalg.norm(side, axis=1) for side in decoded]
    cosine = decoded[0] @ decoded[1].T / np.outer(*length)
    for scorer in BUILT_IN:
        index = build(scorer, right, Hnsw(expansion_search=120))
        items, scores = index.search(left, 9)
        matrix = cosine if index.metric == "cos" else full
        wanted = -np.sort(-matrix, axis=1)[:, :9]
        np.testing.assert_allclose(scores, wanted, atol=2e-6, rtol=1e-6)
        there = np.take_along_axis(matrix, items, axis=1)
        np.testing.assert_allclose(there, wanted, atol=2e-6, rtol=1e-6)
        alone, _ = index.search(left.rows(slice(0, 1)), 9)
        assert alone.shape == (1, 9)
        wide, far = index.search(left, 200)
        assert (wide[:, 120:] == -1).all()
        assert np.isneginf(far[:, 120:]).all()
        assert index.index_bytes >= right.data.nbytes


def test_codes_of_one_scale_are_searched_by_their_product():
    a, b, _ = real_shaped()
    quantizer = Quantizer("calibrated", ranges=ranges_of([b], 64))
    left, right = (quantizer.encode(side, "int8") for side in (a, b))
    index = build("usearch-hnsw", right, Hnsw(expansion_search=120))
    assert index.metric == "ip"
    assert index.of_integers
    full = reference.scores(left, right)
    found = -np.sort(-full, axis=1)[:, :5]
    np.testing.assert_array_equal(build("usearch-exact", right).search(left, 5)[1], found)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("tolerance", [0.0, 0.11])
def test_lists_against_their_plain_reading(seed, tolerance):
    rng = np.random.default_rng(seed)
    _, _, relevant = make_case(rng, 30, 25, 4, False, 60)
    items = np.stack([rng.permutation(25)[:8] for _ in range(30)])
    scores = -np.sort(-rng.integers(0, 6, (30, 8)) * 0.1, axis=1)
    items[4, 5:], scores[4, 5:] = -1, -np.inf
    lists = Lists(items, scores, items, tolerance)
    judged = directions(relevant, ("t2v",))["t2v"]
    pools = Pools([12, 20], 2, 5)
    found = counts("t2v", judged, lists, pools)
    wanted = plain.counts(items, scores, relevant, tolerance)
    rows = [found.above, found.tied, found.relevants_above, found.relevants_tied]
    np.testing.assert_array_equal(np.stack(rows, 1), known(wanted))
    assert np.isnan(found.scores).sum() == sum(row[0] is None for row in wanted) > 0
    for draw, (members, places) in enumerate(pools.get("t2v", judged, 0, 30)):
        for place, size in enumerate((12, 20)):
            pool = np.zeros((30, 26), dtype=bool)
            chosen = places < size - judged.relevants[:, None]
            for query in range(30):
                pool[query, members[query][chosen[query]]] = True
            wanted = plain.counts(items, scores, relevant, tolerance, pool)
            got = found.sampled_above[draw, place], found.sampled_tied[draw, place]
            np.testing.assert_array_equal(np.stack(got, 1), known(wanted)[:, :2])


def known(rows):
    return np.array([[-1 if value is None else value for value in row] for row in rows])


def test_agreement_counts_what_an_exact_search_puts_above():
    scores = np.array([[0.9, 0.5, 0.5, 0.1, -np.inf]])
    exact = np.array([[0.9, 0.8, 0.5, 0.5, 0.4]])
    assert exact_above(scores, exact, 1e-6).tolist() == [[0, 2, 2, -1, -1]]


@pytest.mark.parametrize("precision", ["fp32", "int8", "b1"])
def test_a_graph_agrees_with_its_exact_search_as_far_as_it_does(precision):
    """ann_recall by its definition: of the top k, those that k - 1 others at most are above."""
    a, b, _ = real_shaped(200, 800, 32)
    left, right = encode(a, precision), encode(b, precision)
    index = UsearchHnsw(right, Hnsw(4, 8, 10))
    lists = graph_lists(index, Held(left), 10, Stages())
    exact = index.search(left, 10, exact=True)[1]
    for query in range(200):
        for place in range(10):
            above = int((exact[query] > lists.scores[query, place] + lists.tolerance).sum())
            assert lists.exact_above[query, place] == (above if above < 10 else -1)
    agreed = (lists.exact_above >= 0).mean()
    index.tune(400)
    better = graph_lists(index, Held(left), 10, Stages())
    assert agreed < (better.exact_above >= 0).mean() <= 1


def test_a_graph_tells_how_far_it_is(monkeypatch):
    """It is the same graph, if one thread makes it."""
    a, b, _ = real_shaped(50, 850, 32)
    left, right = encode(a, "int8"), encode(b, "int8")
    monkeypatch.setattr(usearch_index, "ADDED", 200)
    told = []
    grown = UsearchHnsw(right, Hnsw(4, 8, 10), threads=1, advance=told.append)
    assert told == [200, 200, 200, 200, 50]
    whole = UsearchHnsw(right, Hnsw(4, 8, 10), threads=1)
    for mine, theirs in zip(grown.search(left, 10), whole.search(left, 10), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("fine", ["fp32", "int8"])
def test_two_stages_are_the_best_of_the_shortlist(fine):
    a, b, _ = real_shaped()
    coarse = encode(a, "b1"), encode(b, "b1")
    sides = encode(a, fine), encode(b, fine)
    stages = Stages()
    shortlist, _ = searched(build("usearch-exact", coarse[1]), Held(coarse[0]), 20)
    plan = make_plan(fine, 64, 150, 120)
    lists = rescored_lists(shortlist, Held(sides[0]), Held(sides[1]), 5, plan, stages)
    full = reference.scores(*sides)
    top = -np.sort(-full, axis=1)
    for query in range(150):
        order = sorted(shortlist[query], key=lambda item: (-full[query, item], item))[:5]
        np.testing.assert_allclose(full[query, lists.items[query]], full[query, order], atol=1e-9)
        np.testing.assert_allclose(lists.scores[query], full[query, order], atol=1e-9)
        for place in range(5):
            above = int((top[query, :5] > lists.scores[query, place] + 1e-6).sum())
            assert lists.exact_above[query, place] == (above if above < 5 else -1)
    assert list(stages.seconds) == ["rescore", "agreement"]


def quantizers(items):
    """Each quantiser by its name, as of a gallery of 64 dimensions."""
    return {
        "absmax": Quantizer("absmax"),
        "calibrated": Quantizer("calibrated", ranges=ranges_of([items], 64)),
        "rotated": Quantizer("rotated", rotation=rotation(64, 5)),
    }


@pytest.mark.parametrize("precision", INTEGER)
@pytest.mark.parametrize("name", ["absmax", "calibrated", "rotated"])
def test_asymmetric_counts(precision, name):
    """fp32 queries on decoded items: a full matrix in float64."""
    a, b, relevant = real_shaped()
    quantizer = quantizers(b)[name]
    coded = quantizer.encode(b, precision)
    queries = AsFloats(Held(encode(a, "fp32")), lambda block: quantizer.turn(block.data))
    items = AsFloats(Held(coded), quantizer.decode)
    plan = plan_for(make_plan("fp32", 64, 150, 120), items.longest())
    found = score(queries, items, directions(relevant, ("t2v",)), None, plan)["t2v"]
    full = quantizer.turn(a).astype(float) @ quantizer.decode(coded).astype(float).T
    rows = [found.above, found.tied, found.relevants_above, found.relevants_tied]
    np.testing.assert_array_equal(np.stack(rows, 1), reference.count(full, relevant, False))
    assert items.longest() == pytest.approx(np.linalg.norm(quantizer.decode(coded), axis=1).max())


@pytest.mark.parametrize("precision", ALONE)
@pytest.mark.parametrize("name", ["absmax", "calibrated", "rotated"])
def test_asymmetric_search(precision, name, monkeypatch):
    """The top of a full matrix in float64, whatever the tiles; codes are held as codes."""
    if name not in quantizers_for(precision, [name]):
        return
    a, b, _ = real_shaped()
    quantizer = quantizers(b)[name]
    coded = quantizer.encode(b, precision)
    full = quantizer.turn(a).astype(float) @ quantizer.decode(coded).astype(float).T
    for tile, stretch, room in ((512, 65_536, 2**26), (7, 50, 4 * 50 * 11)):
        monkeypatch.setattr(asymmetric_index, "TILE", tile)
        monkeypatch.setattr(asymmetric_index, "STRETCH", stretch)
        monkeypatch.setattr(asymmetric_index, "ROOM", room)
        index = AsymmetricSearcher(coded, quantizer)
        found, scores = index.search(encode(a, "fp32"), 9)
        np.testing.assert_allclose(scores, -np.sort(-full, axis=1)[:, :9], atol=2e-6)
        np.testing.assert_allclose(np.take_along_axis(full, found, 1), scores, atol=2e-6)
        assert all(len(set(row)) == 9 for row in found)
    row = precision_of(precision)
    held = 1 if row.is_integer else {"fp16": 2, "bf16": 2}.get(precision, 4)
    scaled = name != "calibrated" and row.is_integer and row.has_scale
    assert index.index_bytes == 120 * (64 * held + 4 * scaled)


def test_a_graph_that_no_memory_holds():
    a, _, _ = real_shaped()
    with pytest.raises(CmrError, match="usearch finds no memory"):
        build("usearch-hnsw", encode(a, "fp32"), Hnsw(connectivity=2**31 - 1))
