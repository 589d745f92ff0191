"""Slices by attributes against the same in plain NumPy, one subset at a time."""

from __future__ import annotations

from functools import cache

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
    times = [(f"t{t}", "time", f"1700000000.{t // 2:02}") for t in range(60)]
    attribute(warehouse, "d", "text", tags + lengths + times)
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


@cache
def opened(root):
    """One connection for all tests: none changes what is stored."""
    return connect(root)


def rows_of(warehouse, query):
    return opened(warehouse.root).sql(query).to_arrow_table().to_pylist()


@pytest.mark.slow
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
    measured = {
        which: values(a, relevance, *which)
        for which in {(row["measure"], row["k"]) for row in rows}
    }
    for row in rows:
        inside = slices[name][row["slice"]]
        found = measured[row["measure"], row["k"]][inside]
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
    con = opened(sliced[0].root)
    for f in (0.0, 0.01, 0.5, 1.0, 1.3, 2.5, 10.0, 80.0):
        ((found,),) = con.execute(
            "select f_p(?::double, ?::double, ?::double)", [f, *freedom]
        ).fetchall()
        assert found == pytest.approx(stats.f.sf(f, *freedom), rel=1e-9, abs=1e-14)


def test_bands_and_words(sliced):
    """A number with many values is cut at quartiles, into bands of about as many items each."""
    rows = rows_of(
        sliced[0],
        "select slice, count(*) as n from query_slices where name = 'length' and direction = 't2v' "
        "group by slice, place order by place",
    )
    assert [(row["slice"], row["n"]) for row in rows] == [
        ("0 to 7", 16), ("8 to 14", 14), ("15 to 22", 16), ("23 to 29", 14)
    ]  # fmt: skip


def test_bands_of_numbers_that_are_close(sliced):
    """Where six digits would give two bands one name, they have all; the test is that of others."""
    rows = rows_of(sliced[0], "from compare_by('aa', 'bb', 'time') order by place")
    assert [row["slice"] for row in rows] == [
        "1700000000.0 to 1700000000.07", "1700000000.08 to 1700000000.14",
        "1700000000.15 to 1700000000.22", "1700000000.23 to 1700000000.29",
    ]  # fmt: skip
    same = rows_of(sliced[0], "from compare_by('aa', 'bb', 'length') order by place")
    shown = (
        "value_a",
        "difference",
        "ci_low",
        "ci_high",
        "p",
        "p_holm",
        "f",
        "p_differ",
        "queries",
    )
    for row, other in zip(rows, same, strict=True):
        assert [row[one] for one in shown] == pytest.approx(
            [other[one] for one in shown], rel=1e-12
        )
    assert rows[0]["p_differ"] is not None


@pytest.mark.slow
def test_names_that_there_are_not(sliced):
    con = opened(sliced[0].root)
    for query in (
        "metrics_by('kin''d')",
        "compare_by('aa', 'bb', 'kin''d')",
        "recommend_by('kin''d')",
    ):
        with pytest.raises(
            Exception, match="no attribute is called 'kin'd'; there are captions, kind, len"
        ):
            con.execute(f"from {query}").fetchall()
    with pytest.raises(Exception, match="no measure of single queries is called 'median_rank'"):
        con.execute("from compare_by('aa', 'bb', 'kind', measure_name := 'median_rank')").fetchall()
    with pytest.raises(Exception, match="no run has an id that begins with 'zz'"):
        con.execute("from compare_by('aa', 'zz', 'kind')").fetchall()


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    return plant(tmp_path_factory.mktemp("planted"))


def plant(folder, cat="cat"):
    """Three runs of 480 texts on 240 visuals: int8 loses nothing, int4 only among the cats.

    A quarter of the visuals are cats, of whose captions every other says so; there are 12 owls.
    """
    rng = np.random.default_rng(2)
    relevance = np.zeros((480, 240), dtype=int)
    relevance[np.arange(480), np.arange(480) % 240] = 1
    kinds = np.array(["owl" if v < 12 else cat if v % 4 == 0 else "dog" for v in range(240)])
    fine = rng.normal(size=relevance.shape) + 6.0 * relevance
    coarse = fine - 4.0 * relevance * (kinds == cat)
    warehouse = warehouses.new(folder)
    warehouses.add_dataset(warehouse, "d", relevance)
    for name, scores, size in (("fp32", fine, 32), ("int8", fine, 8), ("int4", coarse, 4)):
        warehouses.add_run(
            warehouse, f"{name}-x", "d", scores, relevance, precision=name, vector_bytes=size
        )
    pairs = [(f"v{v}", "kind", kinds[v]) for v in range(240)]
    attribute(warehouse, "d", "visual", pairs)
    row = warehouse.find(DATASETS, "d")
    (file,) = (name for name in row["files"] if name.startswith("items/dataset=d/modality=text"))

    def say(items):
        words = np.where(
            (kinds[np.arange(480) % 240] == "cat") & (np.arange(480) < 240), "Cat", "it"
        )
        return [{**item, "text": f"a {words[n]} n{n % 7}"} for n, item in enumerate(items)]

    warehouses.rewrite(warehouse, DATASETS, row, file, say)
    return warehouse, fine, coarse, relevance, kinds


@pytest.mark.slow
def test_retention_by_equals_numpy(planted):
    warehouse, fine, coarse, relevance, kinds = planted
    rows = rows_of(warehouse, "from retention_by('kind') where starts_with(run_id, 'int4')")
    groups, of = groups_of(relevance), kinds[np.arange(480) % 240]
    seen = set()
    for row in rows:
        if row["measure"] not in ("recall", "mrr") or row["k"] == 5:
            continue
        inside = of == row["slice"]
        x, y = (
            values(scores[inside], relevance[inside], row["measure"], row["k"])
            for scores in (coarse, fine)
        )
        assert row["value"] == pytest.approx(x.mean(), abs=1e-9)
        assert row["retention"] == pytest.approx(x.mean() / y.mean(), abs=1e-9)
        assert row["slices"] == 2
        assert (row["unearned"] is None) == (row["slice"] != "owl")
        # Two candidates, two slices that are decided upon.
        low = intervals.sure(x, y, groups[inside], 4)
        assert row["sure_low"] == pytest.approx(low, abs=1e-5)
        seen.add((row["measure"], row["k"], row["slice"]))
    assert len(seen) == 3 * 3


def test_recommend_by(planted):
    """What loses only in one slice is sure on the whole and not in every slice."""
    con = opened(planted[0].root)
    ask = "select run_id from recommend{} where measure = 'recall' and k = 10"
    everywhere = con.execute(ask.format("(retain := 0.8)")).fetchall()
    assert everywhere == [("int4-x",)]
    rows = rows_of(
        planted[0],
        "from recommend_by('kind', retain := 0.8) where measure = 'recall' and k = 10",
    )
    assert [row["run_id"] for row in rows] == ["int8-x"]
    assert (rows[0]["slices"], rows[0]["looks"]) == (2, 2)
    (undecided,) = rows[0]["undecided"]
    assert undecided["slice"] == "owl"
    assert undecided["why"] == "12 visual items are too few: at least 30 are needed"


def test_flip_words(planted):
    """The planted slice and its word are found; p is the larger of Fisher's and the clustered."""
    warehouse, fine, coarse, relevance, kinds = planted
    rows = rows_of(warehouse, "from flip_words('fp32', 'int4')")
    assert (rows[0]["kind"], rows[0]["term"]) == ("kind", "cat")
    found = {(row["kind"], row["term"]): row for row in rows}
    # The words, the slices of `kind`, and those counted from the captions.
    assert {row["looked"] for row in rows} == {len(rows)}
    first = [values(s, relevance, "mean_rank", None) <= 10 for s in (fine, coarse)]
    flips = first[0] & ~first[1]
    for key, has in {
        ("word", "cat"): (kinds[np.arange(480) % 240] == "cat") & (np.arange(480) < 240),
        ("kind", "cat"): kinds[np.arange(480) % 240] == "cat",
        ("word", "n3"): np.arange(480) % 7 == 3,
    }.items():
        row, has = found[key], has[first[0]]
        f, n, all_f, all_n = (flips[first[0]] & has).sum(), has.sum(), flips.sum(), first[0].sum()
        assert (row["flips"], row["queries"]) == (f, n)
        exact = stats.hypergeom.sf(f - 1, all_n, all_f, n)
        off = (has - n / all_n) * (flips[first[0]] - all_f / all_n)
        groups = groups_of(relevance)[first[0]]
        sums = np.array([off[groups == name].sum() for name in np.unique(groups)])
        score = stats.t.sf(sums.sum() / np.sqrt((sums**2).sum()), row["clusters"] - 1)
        assert row["p"] == pytest.approx(max(exact, score), rel=1e-4, abs=1e-7)
    assert found["kind", "cat"]["p_holm"] < 1e-3
    assert found["word", "n3"]["p_holm"] > 0.05
    check_holm(rows)


@pytest.mark.slow
def test_at_the_command_line(planted, cmr):
    root = planted[0].root
    told = cmr("compare", "fp32", "int4", "--by", "kind", "-w", root).stdout
    assert "b is worse in cat" in told
    assert "The slices differ (F" in told
    told = cmr("recommend", "--by", "kind", "--every-slice", "--retain", ".8", "-w", root).stdout
    assert "8 native int8 is the smallest that is sure to keep 80.0%" in " ".join(told.split())
    assert "owl: 12 visual items are too few" in told
    for command, reason in (
        (("recommend", "--every-slice"), "--every-slice needs --by NAME"),
        (("recommend", "--by", "colour"), "no attribute is called 'colour'; there are"),
        (("compare", "fp32", "int4", "--by", "colour"), "no attribute is called 'colour'"),
        (("compare", "fp32", "int4", "--measure", "mrr"), "--measure goes with --by"),
        (("compare", "fp32", "int4", "--by", "kind", "--all"), "leave --all out"),
    ):
        assert reason in cmr(*command, "-w", root, code=1).stderr


def test_in_python(planted):
    import cmr as package

    wh = package.open(planted[0].root)
    rows = wh.compare("fp32", "int4", by="kind", measure="hit_rate").dicts()
    assert [row["slice"] for row in rows] == ["cat", "dog", "owl"]
    rows = wh.recommend(0.8, by="kind").dicts()
    assert {row["smallest"] for row in rows} == {"8 native int8"}
