"""What a table marks: the paired test against the baseline, corrected for all that it tests."""

from __future__ import annotations

import numpy as np
import pytest

from cmr.answers import fetch
from cmr.materialised import open_for
from cmr.report.findings import MEASURES, VIEWS, read
from cmr.report.holm import holm
from cmr.report.paper_tables import kept
from cmr.report.subject import subjects
from tests import warehouses


@pytest.fixture(scope="module")
def con(tmp_path_factory):
    """Runs that get worse; captions of one picture that are found and missed together."""
    rng = np.random.default_rng(1)
    texts, visuals = 120, 40
    relevance = np.zeros((texts, visuals), dtype=int)
    relevance[np.arange(texts), np.arange(texts) % visuals] = 1
    warehouse = warehouses.new(tmp_path_factory.mktemp("marks") / "w")
    warehouses.add_dataset(warehouse, "d", relevance)
    base = 1.3 * relevance + rng.standard_normal((texts, visuals))
    hard = rng.standard_normal((texts, visuals))
    for number, share in enumerate((0.0, 0.02, 0.3, 2.0)):
        for way in ("t2v", "v2t"):
            warehouses.add_run(
                warehouse, f"{way}{number}", "d", base + share * hard, relevance, way,
                precision=("fp32", "fp16", "int8", "int4")[number], vector_bytes=32 >> number,
                ks=[1, 10],
            )  # fmt: skip
    return open_for(warehouse, VIEWS)


@pytest.mark.slow
def test_the_test_is_that_of_compare(con):
    rows = fetch(con, "from retention where run_id <> baseline").to_pylist()
    assert len({row["run_id"] for row in rows}) == 6
    for run_id, baseline in {(row["run_id"], row["baseline"]) for row in rows}:
        found = fetch(con, f"from compare('{baseline}', '{run_id}')").to_pylist()
        by_key = {(row["measure"], row["k"]): row for row in found}
        for row in rows:
            if row["run_id"] == run_id:
                other = by_key[row["measure"], row["k"]]
                assert row["p"] == pytest.approx(other["p"], rel=1e-6, abs=1e-12)
                assert row["difference"] == pytest.approx(other["difference"], abs=1e-12)
    own = fetch(con, "from retention where run_id = baseline").to_pylist()
    assert {row["p"] for row in own} == {1.0}
    assert {row["difference"] for row in own} == {0.0}


@pytest.mark.slow
def test_the_interval_is_that_of_metrics(con):
    found = fetch(
        con,
        "select value_low, value_high, m.ci_low, m.ci_high from retention as r inner join metrics "
        "as m using (run_id, measure) where protocol = 'full' and r.k is not distinct from m.k",
    ).to_pylist()
    assert len(found) > 50
    for row in found:
        assert row["value_low"] == pytest.approx(row["ci_low"], abs=1e-12)
        assert row["value_high"] == pytest.approx(row["ci_high"], abs=1e-12)


@pytest.mark.slow
def test_marks(con):
    """A mark stands exactly where the corrected p is below its level, with its direction."""
    (subject,) = subjects(con, [r["run_id"] for r in fetch(con, "from runs").to_pylist()])
    found = read(con, subject)
    tested = [row for row in found.kept if row["p_holm"] is not None]
    assert len(tested) == 2 * 3 * len(MEASURES)
    for row, p in zip(tested, by_definition([row["p"] for row in tested]), strict=True):
        assert row["p_holm"] == pytest.approx(p, rel=1e-5)
    look = Look(str)
    table = kept(look, found)
    marks = [
        cell.mark
        for _, rows in table.parts
        for line in rows
        for cell in line[4 : 4 + len(MEASURES)]
    ]
    assert marks.count("b") == 2 * len(MEASURES)
    levels = [sum(row["p_holm"] < level for row in tested) for level in (0.05, 0.01, 0.001)]
    assert levels[0] > 0
    assert sum("*" in mark for mark in marks) == levels[0] < len(tested)
    assert sum("**" in mark for mark in marks) == levels[1]
    assert sum("***" in mark for mark in marks) == levels[2]
    worse = sum(row["p_holm"] < 0.05 and row["difference"] < 0 for row in tested)
    assert sum("↓" in mark for mark in marks) == worse


def Look(say):
    from cmr.report.fonts import lettering
    from cmr.report.plots import style

    return style.Look(say, lettering("en", ""))


def by_definition(values):
    """Holm: the i-th smallest of n times n - i + 1, never below those before it."""
    n = len(values)
    order = sorted(range(n), key=lambda at: values[at])
    found = [0.0] * n
    for place, at in enumerate(order):
        found[at] = min(1.0, max((n - i) * values[order[i]] for i in range(place + 1)))
    return found


def test_holm(con):
    values = [0.01, 0.04, 0.03, 0.005, 0.5, 0.03]
    assert holm(con, values) == pytest.approx(by_definition(values))
    assert holm(con, [0.01, None, 0.04]) == [0.02, None, 0.04]
    assert holm(con, []) == []
