"""Small work counted at once: the same as in tiles, and as of a plain full matrix."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmr.answers import fetch
from cmr.precision import ALONE, INTEGER
from cmr.progressbar import no_advance
from cmr.represent.precisions import encode
from cmr.represent.unit_vectors import normalise
from cmr.score import at_once
from cmr.score.at_once import count_at_once, is_small
from cmr.score.blocks import Held
from cmr.score.exhaustive import score
from cmr.score.planning import make_plan
from cmr.score.pools import Pools
from cmr.score.search import scorer_kinds
from cmr.views import connect
from cmr.warehouse.schemas import RUNS
from cmr.warehouse.store import Store
from tests.reference import counts
from tests.score.test_engine import directions, make_case

COUNTS = ("above", "tied", "relevants_above", "relevants_tied", "sampled_above", "sampled_tied")


def sides(a, b, precision):
    ids = [str(row) for row in range(max(len(a), len(b)))]
    return [
        Held(encode(normalise(side, ids, name), precision))
        for side, name in ((a, "text"), (b, "visual"))
    ]


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    texts=st.integers(1, 40),
    visuals=st.integers(1, 40),
    dim=st.sampled_from([2, 7, 16]),
    precision=st.sampled_from(ALONE),
    duplicates=st.booleans(),
    pairs=st.integers(1, 200),
    draws=st.integers(0, 2),
    compared=st.sampled_from([1, 100, 2**20]),
)
def test_equals_tiles_and_a_full_matrix(
    seed, texts, visuals, dim, precision, duplicates, pairs, draws, compared
):
    case = make_case(np.random.default_rng(seed), texts, visuals, dim, duplicates, pairs)
    left, right = sides(*case[:2], precision)
    judged = directions(case[2])
    most = max(int(one.relevants.max()) for one in judged.values())
    largest = min(texts, visuals)
    pools = None
    if draws and most <= largest:
        pools = Pools(sorted({most, (most + largest) // 2, largest}), draws, seed)
    plan = make_plan(precision, dim, texts, visuals, "cpu", None, largest if pools else 0, draws)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(at_once, "COMPARED", compared)
        found = count_at_once(left, right, judged, pools, no_advance)
    tiles = score(left, right, judged, pools, plan)
    full = counts.scores(left.encoded, right.encoded)
    for name, one in found.items():
        for column in COUNTS:
            mine, theirs = getattr(one, column), getattr(tiles[name], column)
            assert mine.dtype == theirs.dtype
            np.testing.assert_array_equal(mine, theirs, err_msg=f"{name} {column}")
        np.testing.assert_allclose(one.scores, tiles[name].scores, rtol=1e-6, atol=1e-7)
        matrix, relevant = (full, case[2]) if name == "t2v" else (full.T, case[2].T)
        expected = counts.count(matrix, relevant, precision in INTEGER)
        ranks = np.stack([getattr(one, column) for column in COUNTS[:4]], axis=1)
        np.testing.assert_array_equal(ranks, expected, err_msg=name)


def test_scores_that_differ_by_the_tolerance_are_tied():
    """1e-6 apart is a tie of floats; three times that is not, nor is any difference of codes."""
    angles = np.array([0.5, 0.5 + 1e-6, 0.5 + 3e-6, 0.5 - 3e-6])
    b = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    a = np.array([[0.0, 1.0]], dtype=np.float32)
    relevant = np.array([[True, False, False, False]])
    ((_, found),) = count_at_once(
        *sides(a, b, "fp32"), directions(relevant, ("t2v",)), None, no_advance
    ).items()
    assert (found.above.tolist(), found.tied.tolist()) == ([1], [1])


def test_what_is_small():
    assert is_small(60, 30, 1024)
    assert is_small(512, 512, 512)
    assert not is_small(513, 512, 512)
    assert not is_small(512, 512, 1024)
    assert is_small(512, 512, 64, 16)
    assert not is_small(512, 512, 64, 17)


@pytest.mark.slow
@pytest.mark.usefixtures("no_answer")
@pytest.mark.parametrize("options", [(), ("--candidates", "10,20", "--draws", "2")])
def test_a_named_device_is_used_and_counts_the_same(evaluated_once, cmr, tmp_path, options):
    """Over whole galleries, in drawn pools and in the folds of a fitted basis."""
    asked = ("--dims", "16,8", "--precisions", "fp32,fp16,int8,int4,b1", *options)
    stored = {}
    for counting, device in (("at once", ()), ("numba", ("--device", "cpu"))):
        root = evaluated_once(*asked, *device)
        rows = Store.open(str(root)).catalogue(RUNS)
        assert {json.loads(row["plan"])["counting"] for row in rows} == {counting}
        assert {row["device"] for row in rows} == {"cpu"}
        # float64 is no speed of a precision.
        speeds = fetch(connect(str(root)), "from speed").num_rows
        assert speeds == (0 if counting == "at once" else len(rows))
        out = tmp_path / "rows.csv"
        stored[counting] = []
        for table in ("ranks", "sampled_ranks", "held_out_ranks"):
            columns = "*" if table == "sampled_ranks" else "* exclude (score)"
            query = f"select {columns} from {table} order by all"
            cmr("sql", query, "--format", "csv", "--output", out, "-w", root)
            stored[counting].append(out.read_text().splitlines())
    assert stored["at once"] == stored["numba"]
    whole, drawn, held_out = (len(rows) > 1 for rows in stored["numba"])
    assert (whole, drawn, held_out) == (True, bool(options), True)


@pytest.mark.slow
@pytest.mark.usefixtures("no_answer")
def test_a_scorer_of_another_package_counts_itself(evaluated_with, cmr, monkeypatch):
    """Though it multiplies by the plan, as torch does."""
    asked = []
    torch = scorer_kinds.OWN[scorer_kinds.TORCH]

    def count(*arguments):
        asked.append(arguments)
        return torch.count(*arguments)

    monkeypatch.setitem(scorer_kinds.OWN, "mine", dataclasses.replace(torch, count=count))
    root = evaluated_with("--dims", "16", "--precisions", "int8", "--candidates", "10")
    grid = ("--dims", "16", "--precisions", "int8", "--candidates", "10")
    cmr("evaluate", *grid, "--scorer", "mine", "-w", root)
    assert asked
