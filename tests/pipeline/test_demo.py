"""The demonstration, whole, and the second time."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from cmr.views import connect

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.mark.slow
def test_demo(cmr, tmp_path):
    arguments = ("demo", "-w", tmp_path / "w", "--out", tmp_path / "report")
    first = cmr(*arguments)
    assert "Leaderboard" in first.stdout
    assert (
        "of the baseline, 512 native fp32, over the whole gallery, in every direction"
        in first.stdout
    )
    assert f"report: {tmp_path / 'report'}" in first.stdout
    *_, page, tried, more = first.stdout.splitlines()
    assert page == f"open {tmp_path / 'report' / 'index.html'}"
    for line in (tried, more):
        assert cmr(*shlex.split(line)[shlex.split(line).index("cmr") + 1 :]).stdout
    assert connect(str(tmp_path / "w")).execute("select count(*) from runs").fetchone() == (20,)
    summary = json.loads((tmp_path / "report" / "experiment_summary.json").read_text())
    assert len(summary["leaderboard"]) == 20 * 11
    asked = {"direction": "t2v", "dim": 512, "precision": "fp16", "protocol": "full"}
    (row,) = [row for row in summary["leaderboard"] if asked.items() <= row.items()]
    assert 0.70 < row["hit_rate_10"] < 0.97
    again = cmr(*arguments).stdout
    assert "nothing to do" in again
    assert "open " not in again
    # docs/examples/gate.yml holds the demonstration against the file beside it.
    (command,) = [
        line
        for line in (EXAMPLES / "gate.yml").read_text().replace("\\\n", "").splitlines()
        if "cmr gate" in line
    ]
    _, *asked, _, _ = shlex.split(command)
    asked = [word.replace("docs/examples", str(EXAMPLES)) for word in asked]
    summary = cmr(*asked, "-w", tmp_path / "w").stdout
    assert "### The gate passes (margin 0.01)" in summary
    found = cmr("doctor", "-w", tmp_path / "w").stdout
    assert "checks pass" in found
    # The slowest of them is not asked again by itself; the number beside it is its rows.
    assert re.search(r"\bcheck_sampled_against_expected\W+0\W", found)
