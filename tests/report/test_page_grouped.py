"""The page of grouped captions: what it says beside the baseline is what `compare` says."""

from __future__ import annotations

import re
from html import unescape

import numpy as np
import pytest

from cmr.answers import fetch
from cmr.materialised import open_for
from cmr.protocols import GROUPED
from cmr.report import page
from cmr.report.findings import VIEWS
from cmr.warehouse.current import current_runs
from cmr.warehouse.store import Store
from tests.report.packed_rows import unpacked

pytestmark = pytest.mark.slow

VIDEOS = 50
AS_COMPARE_SAYS = {
    "value": "value_b", "baseline_value": "value_a", "difference": "difference",
    "difference_low": "ci_low", "difference_high": "ci_high", "clusters": "clusters",
}  # fmt: skip


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """The root of a warehouse with every protocol, and the rows that its page has, by name."""
    from tests.conftest import unanswered
    from tests.pipeline.test_searches import run

    folder = tmp_path_factory.mktemp("grouped")
    rng = np.random.default_rng(7)
    truth = rng.integers(0, VIDEOS - 3, 170)
    content = rng.standard_normal((VIDEOS, 24))
    texts = content[truth] + 1.5 * rng.standard_normal((170, 24))
    np.savez(
        folder / "clips.npz", ground_truth=truth, text_24=texts.astype(np.float32),
        video_24=content.astype(np.float32),
    )  # fmt: skip
    run("ingest", "npz", folder / "clips.npz", "--dataset", "clips", "-w", folder / "w")
    with unanswered():
        run("evaluate", "--dims", "24,8", "--precisions", "fp32,int8,b1", "--draws", "40",
            "--candidates", "10,30", "--protocols", f"full,expected,{','.join(GROUPED)}",
            "-w", folder / "w")  # fmt: skip
    store = Store.open(str(folder / "w"))
    ids = [row["run_id"] for row in current_runs(store)]
    html = page.build(open_for(store, VIEWS, ids), ids).decode()
    data = re.findall(r'<script[^>]*id="rows-([^"]*quality[^"]*)"[^>]*>(.*?)</script>', html, re.S)
    return store, {name: unpacked(unescape(text)) for name, text in data}


def test_differences_are_those_of_compare_by_protocol(shown):
    store, parts = shown
    con = open_for(store, "from metrics, compare, differences, runs")
    runs = {row["run_id"]: row for row in fetch(con, "from runs").to_pylist()}
    mine = [row for rows in parts.values() for row in rows if runs[row["run_id"]]["grouped"]]
    assert {row["protocol"] for row in mine} == set(GROUPED)
    singly = [row for rows in parts.values() for row in rows if not runs[row["run_id"]]["grouped"]]
    assert {row["protocol"] for row in singly} == {"full", "expected"}
    checked = dict.fromkeys(GROUPED, 0)
    known = {}
    exact = {
        tuple(row[name] for name in ("run_id", "protocol", "measure", "k", "candidates")): row
        for row in fetch(con, "from differences").to_pylist()
    }
    for row in mine:
        # The baseline is grouped, too, and of as many videos.
        a, b, pools = row["baseline"], row["run_id"], row["protocol"]
        assert runs[a]["grouped"]
        if a == b:
            assert row["difference"] == 0
            continue
        if (a, b, pools) not in known:
            # What is learnt in folds has no held-out ranks in drawn pools: compared as it is.
            seen = str(pools == "grouped_sampled" and runs[b]["fit"] == "in-sample").lower()
            asked = f"from compare('{a}', '{b}', pools := '{pools}', in_sample := {seen})"
            known[a, b, pools] = {
                (one["measure"], one["k"], one["candidates"]): one
                for one in fetch(con, asked).to_pylist()
            }
        its = known[a, b, pools][row["measure"], row["k"], row["candidates"]]
        assert its["protocol"] == pools
        for name, its_name in AS_COMPARE_SAYS.items():
            # The page has fewer digits.
            assert row[name] == pytest.approx(its[its_name], rel=1e-7, abs=1e-8), (name, row, its)
            its_own = exact[b, pools, row["measure"], row["k"], row["candidates"]][name]
            assert its_own == pytest.approx(its[its_name], rel=1e-11, abs=1e-11), (name, row, its)
        checked[pools] += 1
    # Whole galleries, and pools of 10 and of 30 candidates.
    assert checked["grouped"] >= 50
    assert checked["grouped_expected"] == checked["grouped_sampled"] == 2 * checked["grouped"]
    assert any(row["difference"] for row in mine)
