"""Advice where it is earned: levels on few visual items, ranges, chance, and baselines."""

from __future__ import annotations

import contextlib

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from cmr.sqlfiles import views
from cmr.views import connect
from tests import warehouses
from tests.reference import intervals

SIZES = (9, 30, 50, 100, 200, 1000)
KEPT = """
    select
        clusters,
        kept * total / (total + below),
        (total + above) / base
    from (
        select *, unnest(kept_reaches(parts))
        from (select *, unnest(kept_parts(total, base, xx, xy, yy, clusters, 1)) from sums) as parts
    )
    order by place
"""


@pytest.fixture(scope="module")
def macros():
    """A connection with the macros that need no warehouse."""
    con = duckdb.connect()
    todo = [view for view in views("macros") if " as table" not in view.query]
    made = True
    while made:
        made = False
        for macro in list(todo):
            # What calls one that is not there yet is tried again; what reads a warehouse is left.
            with contextlib.suppress(duckdb.CatalogException):
                con.execute(f"create macro {macro.query}")
                todo.remove(macro)
                made = True
    assert {"find_run", "known_attribute"} <= {macro.name for macro in todo}
    assert len(todo) < 8
    return con


def population(noise, visuals=1000, texts=2, dim=48):
    """Per-cluster sums of three measures, of vectors like a dual encoder's, and after noise."""
    rng = np.random.default_rng(1)
    gallery = rng.standard_normal((visuals, dim))
    own = np.repeat(np.arange(visuals), texts)
    query = gallery[own] + 1.9 * rng.standard_normal((visuals * texts, dim))

    def measured(queries, items):
        scores = (queries @ items.T).astype(np.float32)
        rank = 1 + (scores > scores[np.arange(len(own)), own][:, None]).sum(1)
        values = (rank <= 10, 1 / rank, np.where(rank <= 10, 1 / np.log2(rank + 1), 0))
        return [value.astype(float).reshape(visuals, texts).sum(1) for value in values]

    unit = gallery / np.linalg.norm(gallery, axis=1, keepdims=True)
    noisy = unit + noise * rng.standard_normal(unit.shape) / np.sqrt(dim)
    return measured(query, unit), measured(query, noisy)


@pytest.fixture(scope="module")
def sampled(macros):
    """For every population and size: truth, lower and upper ends of 1,500 samples, plain ends."""
    rng = np.random.default_rng(2)
    parts, truths, plain = [], [], []
    for noise in (0.05, 0.1, 0.16):
        for y, x in zip(*population(noise), strict=True):
            for size in SIZES:
                at = rng.integers(0, len(x), (1500, size))
                a, b = x[at], y[at]
                sums = {
                    "total": a.sum(1), "base": b.sum(1), "xx": (a * a).sum(1),
                    "xy": (a * b).sum(1), "yy": (b * b).sum(1), "dd": ((a - b) ** 2).sum(1),
                    "ad": np.abs(a - b).sum(1), "clusters": np.full(len(at), size),
                }  # fmt: skip
                parts.append(pa.table(sums))
                truths.append((size, x.sum() / y.sum()))
                ratio = sums["total"] / sums["base"]
                spread = ((a - ratio[:, None] * b) ** 2).sum(1) * size / (size - 1)
                plain.append(ratio - 1.96 * np.sqrt(spread) / sums["base"])
    table = pa.concat_tables(parts)
    macros.register("sums", table.append_column("place", pa.array(range(table.num_rows))))
    found = macros.execute(KEPT).fetchnumpy()
    names = list(found)
    low, high = (found[name].reshape(len(truths), -1) for name in names[1:])
    return [(*truth, *rest) for truth, *rest in zip(truths, low, high, plain, strict=True)]


def test_sure_of_noise_in_no_more_than_one_sample_of_forty(sampled):
    """What keeps less than 99% is called sure of it in at most 2.5%, however small the sample."""
    false = [(low >= 0.99).mean() for _, truth, low, _, _ in sampled if 0.97 < truth < 0.99]
    assert len(false) >= 3 * len(SIZES) / 2
    assert max(false) <= 0.025
    before = [
        (plain >= 0.99).mean()
        for size, truth, _, _, plain in sampled
        if size == 9 and 0.97 < truth < 0.99
    ]
    assert max(before) > 0.2


def test_kept_intervals_hold_the_truth(sampled):
    """Wide where there is little to go by, never short, and near 95% of large samples."""
    held = {size: [] for size in SIZES}
    for size, truth, low, high, _ in sampled:
        assert (low > 0).all()
        assert (low < high).all()
        held[size].append(((low <= truth) & (truth <= high)).mean())
    assert min(map(min, held.values())) > 0.93
    assert np.mean(held[1000]) < 0.98


def test_where_nothing_differs(macros):
    """t² clusters of the baseline's size may be lost: 3.84 of many, close to the exact 3.69."""
    for clusters in (9, 100, 10_000):
        t = stats.t.ppf(0.975, clusters - 1)
        low, high = macros.execute(
            "select n / (n + r), (n + r) / n from (select $1::double as n, "
            "reach_at(t_quantile($1), kept_spread(1, n, n, n, $1), piece(0, 0, 1.0, 0)) as r)",
            [clusters],
        ).fetchone()
        assert low == pytest.approx(clusters / (clusters + t * t), abs=1e-6)
        assert high == pytest.approx(1 + t * t / clusters, abs=1e-6)


def test_shares_are_wilsons(macros):
    """Of single queries that are found or not, at both ends of the range too."""
    for count, found in ((9, 9), (9, 0), (50, 1), (200, 137)):
        value = found / count
        t = stats.t.ppf(0.975, count - 1)
        middle, n = (value + t * t / (2 * count)) / (1 + t * t / count), count
        half = t / (1 + t * t / n) * np.sqrt(value * (1 - value) / n + t * t / (4 * n * n))
        ends = macros.execute(
            "select share_end($1, $2, $3, $3, 0), share_end($1, $2, $3, $3, 1)",
            [value, n * value * (1 - value), count],
        ).fetchone()
        assert ends == pytest.approx((middle - half, middle + half), abs=1e-6)
        assert 0 <= ends[0] < ends[1] <= 1
    level = macros.execute("select share_end(0.5, 0.0, 9, 9, 0), share_end(0.5, 0.0, 9, 9, 1)")
    low, high = level.fetchone()
    assert 0 < low < 0.5 < high < 1


def test_quantiles_and_p_values(macros):
    for clusters in (2, 3, 5, 9, 21, 22, 23, 40, 1000, 10**6):
        got = macros.execute("select t_quantile(?)", [clusters]).fetchone()[0]
        assert got == pytest.approx(stats.t.ppf(0.975, clusters - 1), abs=1e-6)
    for freedom in (1, 2, 3, 4, 5, 6, 9, 30, 999):
        for t in (0.0, 0.01, 0.7, -2.0, 4.5, 30.0):
            got = macros.execute("select t_p(?::double, ?)", [t, freedom]).fetchone()[0]
            assert got == pytest.approx(2 * stats.t.sf(abs(t), freedom), abs=5e-7)


def one_to_one(size, seed, noise):
    """Scores of as many texts as visuals, the relevant one ahead by more or less."""
    rng = np.random.default_rng(seed)
    return np.eye(size) + noise * rng.random((size, size))


@pytest.fixture(scope="module")
def sized(tmp_path_factory):
    """40 texts found without fail, 9 likewise, 40 by chance; 40 of expanded dimensions alone."""
    warehouse = warehouses.new(tmp_path_factory.mktemp("w"))
    coarse = {"precision": "int8", "vector_bytes": 8}
    for name, size, noise in (("well", 40, 0.1), ("few", 9, 0.1), ("noise", 40, 1e6)):
        warehouses.add_dataset(warehouse, name, np.eye(size, dtype=int))
        for letter, more in (("a", {}), ("b", coarse)):
            scores = one_to_one(size, 0, noise)
            warehouses.add_run(
                warehouse, f"{letter}{name}", name, scores, np.eye(size, dtype=int), **more
            )
    warehouses.add_dataset(warehouse, "lifted", np.eye(40, dtype=int))
    for letter, more in (("a", {}), ("b", coarse)):
        warehouses.add_run(
            warehouse, f"{letter}lifted", "lifted", one_to_one(40, 0, 0.1),
            np.eye(40, dtype=int), dim_method="expand", dim=16, **more,
        )  # fmt: skip
    return connect(warehouse.root)


def test_why_no_advice_is_earned(sized):
    rows = sized.execute(
        "select dataset, measure, unearned, retention, ci_low, ci_high, value_low, value_high, p "
        "from retention where k = 10 or k is null and measure = 'mrr'"
    ).fetchall()
    said = {(row[0], row[1]): row[2] for row in rows}
    assert said["well", "recall"] is None
    assert said["few", "mrr"] == "9 visual items are too few: at least 30 are needed"
    assert said["noise", "recall"].startswith("recall@10 0.")
    assert said["noise", "recall"].endswith(" of the baseline is not clearly above chance 0.250")
    assert said["noise", "mrr"].startswith("mrr 0.")
    assert said["lifted", "mrr"] == "there is no baseline: native fp32 was not evaluated"
    for dataset, _, _, kept, low, high, value_low, value_high, p in rows:
        assert 0 <= value_low < value_high <= 1
        if dataset == "lifted":
            assert (kept, low, high, p) == (None, None, None, None)
        else:
            assert 0 < low < kept == 1 < high
            assert p == 1
    for view, count in (("tradeoffs", 2), ("decisions", 0)):
        rows = sized.execute(f"from {view} where dataset = 'lifted'").fetchall()
        assert len(rows) == count


def test_sentences_say_what_is_wrong(sized):
    rows = sized.execute(
        "select dataset, sentence from decisions where measure = 'recall' and k = 10"
    ).fetchall()
    said = dict(rows)
    assert said["well"].startswith("int8 at 8 keeps 100.0% [")
    for name, why in (("few", "9 visual items are too few"), ("noise", "not clearly above chance")):
        assert "cannot be said" in said[name]
        assert why in said[name]
        assert "a quarter of the bytes" in said[name]


@pytest.mark.slow
def test_recommend_only_where_it_is_earned(sized):
    for retain, sure in ((0.99, None), (0.9, "bwell"), (1, None)):
        rows = sized.execute(
            "select dataset, run_id, point_run_id, unearned from recommend(retain := ?) "
            "where measure = 'mrr'",
            [retain],
        ).fetchall()
        found = {row[0]: row[1:] for row in rows}
        assert found["well"][:2] == (sure, "bwell")
        assert all(found[name][:2] == (None, None) for name in ("few", "noise", "lifted"))
        assert all(found[name][2] for name in ("few", "noise", "lifted"))
        assert (found["well"][2] is None) == (sure is not None)
        if retain == 1:
            assert found["well"][2].endswith("they are sure of at most 90.7%")
        if retain == 0.99:
            low = 40 / (40 + stats.t.ppf(0.975, 39) ** 2)
            needed = np.ceil(40 * (1 / low - 1) * 99)
            assert found["well"][2].startswith("40 visual items are too few to be sure of 99%")
            assert found["well"][2].endswith(f"about {needed:.0f} are needed")


def test_differences_stay_in_range(macros):
    """Against the plain reference: none, one, all and half of the clusters differ."""
    for moved in (np.zeros(12), np.eye(12)[0], np.ones(12), np.repeat([-1.0, 0.0], 6)):
        low, high, p = intervals.difference(moved, np.arange(12))
        total, squares = moved.sum(), (moved**2).sum()
        got = macros.execute(
            "with d as (select $1::double as total, $2::double as dd, $3::double as ad, "
            "cluster_spread($2 - $1 * $1 / 12, $2, 12) as spread) select "
            "score_reach(spread, piece(dd, ad, 1.0, -total), 12) as below, "
            "score_reach(spread, piece(dd, ad, 1.0, total), 12) as above, "
            "difference_end(total, below, 12, 'x', -1), difference_end(total, above, 12, 'x', 1), "
            "difference_p(total, spread, piece(dd, ad, 1.0, 0), 12) from d",
            [total, squares, np.abs(moved).sum()],
        ).fetchone()[2:]
        assert got == pytest.approx((low, high, p), abs=2e-6)
        assert -1 <= got[0] < got[1] <= 1
        assert got[2] >= 2.0**-11
