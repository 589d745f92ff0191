"""Slices by attributes against the same in plain NumPy, one subset at a time."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from cmr.views import connect
from cmr.warehouse.schemas import ATTRIBUTES, DATASETS
from tests import warehouses
from tests.reference import intervals
from tests.sql.test_compare import check_holm, groups_of, values


def attribute(warehouse, dataset, side, pairs):
    """Write attributes of one side: (item_id, name, value)."""
    rows = [dict(zip(ATTRIBUTES.schema.names, pair, strict=True)) for pair in pairs]
    table = pa.Table.from_pylist(rows, schema=ATTRIBUTES.schema)
    file = warehouse.write(ATTRIBUTES, {"dataset": dataset, "modality": side}, [table])
    row = warehouse.find(DATASETS, dataset)
    warehouse.commit(DATASETS, dataset, {**row, "files": [*row["files"], file]})


@pytest.fixture(scope="module")
def sliced(tmp_path_factory):
    """Two runs of 60 texts on 20 visuals; `kind` of visuals, `tags` of texts, which overlap."""
    rng = np.random.default_rng(11)
    relevance = np.zeros((60, 20), dtype=int)
    relevance[np.arange(60), np.arange(60) % 19] = 1
    relevance[::9, 19] = 2
    base = rng.normal(size=relevance.shape) + 1.5 * (relevance > 0)
    a, b = np.round(base, 1), np.round(base + 1.2 * rng.normal(size=base.shape), 1)
    warehouse = warehouses.new(tmp_path_factory.mktemp("sliced"))
    warehouses.add_dataset(warehouse, "d", relevance)
    warehouses.add_run(warehouse, "aa11", "d", a, relevance)
    warehouses.add_run(warehouse, "bb22", "d", b, relevance, precision="int8", vector_bytes=8)
    warehouses.add_run(warehouse, "cc33", "d", np.zeros(a.shape), relevance, precision="b1")
    kinds = ["dog", "cat", "o'neill <b>"]
    attribute(warehouse, "d", "visual", [(f"v{v}", "kind", kinds[v % 3]) for v in range(20)])
    tags = [(f"t{t}", "tags", tag) for t in range(60) for tag in "xyz" if rng.random() < 0.6]
    lengths = [(f"t{t}", "length", str(t // 2)) for t in range(60)]
    attribute(warehouse, "d", "text", tags + lengths)
    return warehouse, a, b, relevance, {"kind": kinds_of(relevance, kinds), "tags": tags_of(tags)}


def kinds_of(relevance, kinds):
    """{slice: texts with a relevant visual of that kind}."""
    return {
        kind: np.array([any(v % 3 == at for v in np.flatnonzero(row)) for row in relevance])
        for at, kind in enumerate(kinds)
    }


def tags_of(tags):
    return {
        tag: np.array([(f"t{t}", "tags", tag) in tags for t in range(60)])
        for tag in ("x", "y", "z")
    }


def rows_of(warehouse, query):
    return connect(warehouse.root).sql(query).to_arrow_table().to_pylist()


@pytest.mark.parametrize("name", ["kind", "tags"])
def test_metrics_by_equals_numpy(sliced, name):
    warehouse, a, _, relevance, slices = sliced
    rows = rows_of(warehouse, f"from metrics_by('{name}', of_runs := ['aa'])")
    assert {row["slice"] for row in rows} == set(slices[name])
    assert len(rows) == len(slices[name]) * (6 * 3 + 5)
    tied = {
        (row["slice"], row["measure"], row["k"]): row["value"]
        for row in rows_of(warehouse, f"from metrics_by('{name}', of_runs := ['cc'])")
    }
    groups = groups_of(relevance)
    for row in rows:
        inside = slices[name][row["slice"]]
        found = values(a, relevance, row["measure"], row["k"])[inside]
        assert row["value"] == pytest.approx(found.mean(), abs=1e-9)
        assert row["queries"] == inside.sum()
        assert row["clusters"] == len(set(groups[inside]))
        # What ties everywhere is as good as chance.
        chance = tied[row["slice"], row["measure"], row["k"]]
        assert row["chance"] == pytest.approx(chance, abs=1e-12)
        ends = (
            intervals.mean_rank(found, groups[inside], 20)
            if row["measure"] == "mean_rank"
            else intervals.share(found, groups[inside])
        )
        assert (row["ci_low"], row["ci_high"]) == pytest.approx(ends, abs=2e-6)


def differ(d, groups, slices):
    """The test of compare_by with whole matrices: F, and its p-value."""
    sizes = np.array([inside.sum() for inside in slices])
    means = np.array([d[inside].mean() for inside in slices])
    names = np.unique(groups)
    off = np.array(
        [
            [((groups == name) & inside) @ (d - mean) for name in names]
            for inside, mean in zip(slices, means, strict=True)
        ]
    )
    many = np.array([len(set(groups[inside])) for inside in slices])
    off *= np.sqrt(many / (many - 1))[:, None]
    covariance = off @ off.T / np.outer(sizes, sizes)
    weights = np.diag(sizes) - np.outer(sizes, sizes) / sizes.sum()
    product = weights @ covariance
    expected = np.trace(product)
    f = means @ weights @ means / expected
    top = expected**2 / np.trace(product @ product)
    parts = sizes * np.diag(covariance) * (1 - sizes / sizes.sum())
    return f, stats.f.sf(f, top, parts.sum() ** 2 / (parts**2 / (many - 1)).sum())


@pytest.mark.parametrize("name", ["kind", "tags"])
@pytest.mark.parametrize(("measure", "k"), [("recall", 10), ("mean_rank", None)])
def test_compare_by_equals_numpy(sliced, name, measure, k):
    warehouse, a, b, relevance, slices = sliced
    rows = rows_of(warehouse, f"from compare_by('aa', 'bb', '{name}', measure_name := '{measure}')")
    assert [row["slice"] for row in rows] == sorted(slices[name])
    groups = groups_of(relevance)
    x, y = (values(scores, relevance, measure, k) for scores in (a, b))
    for row in rows:
        inside = slices[name][row["slice"]]
        low, high, p = intervals.difference((y - x)[inside], groups[inside], measure != "mean_rank")
        assert row["value_a"] == pytest.approx(x[inside].mean(), abs=1e-9)
        assert row["difference"] == pytest.approx((y - x)[inside].mean(), abs=1e-9)
        assert (row["ci_low"], row["ci_high"]) == pytest.approx((low, high), abs=2e-6)
        assert row["p"] == pytest.approx(p, abs=1e-6)
        assert row["wins"] + row["losses"] + row["ties"] == row["queries"] == inside.sum()
    check_holm(rows)
    f, p = differ(y - x, groups, list(slices[name].values()))
    assert rows[0]["f"] == pytest.approx(f, rel=1e-9)
    assert rows[0]["p_differ"] == pytest.approx(p, rel=1e-9)


@pytest.mark.parametrize("freedom", [(1, 1), (1.5, 2.5), (2, 30), (7.3, 200), (300, 999.5)])
def test_f_p(sliced, freedom):
    query = "select f_p(?::double, ?::double, ?::double)"
    con = connect(sliced[0].root, query)
    for f in (0.0, 0.01, 0.5, 1.0, 1.3, 2.5, 10.0, 80.0):
        ((found,),) = con.execute(
            "select f_p(?::double, ?::double, ?::double)", [f, *freedom]
        ).fetchall()
        assert found == pytest.approx(stats.f.sf(f, *freedom), rel=1e-9, abs=1e-14)
