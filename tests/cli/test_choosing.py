"""`cmr compare` and `cmr recommend`: tables that read, a sentence, and how runs are named."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from cmr.api.select import pairs
from cmr.cli.main import main
from cmr.errors import CmrError
from cmr.warehouse.schemas import RUNS
from cmr.warehouse.store import Store

pytestmark = pytest.mark.slow

EVALUATED = (
    "--dims", "16,40", "--precisions", "fp32,int8,b1", "--candidates", "20,10", "--k", "1,10",
)  # fmt: skip


@pytest.fixture
def root(evaluated_once):
    return evaluated_once(*EVALUATED)


@pytest.fixture(scope="module")
def compared(evaluated_once):
    """What is said of one run against another, which two tests look at."""
    asked = ("compare", "dim=40,precision=fp32", "dim=40,precision=b1", "-w")
    result = CliRunner().invoke(main, [*asked, str(evaluated_once(*EVALUATED))])
    assert result.exit_code == 0, result.stderr
    return result


def test_by_settings(cmr, root, compared):
    result = compared
    for way in ("t2v", "v2t"):
        assert f"d {way}, whole gallery: a = 40 native fp32 (" in result.stdout
    assert result.stdout.count("\nWhole gallery: ") == 2
    assert "wins/losses/ties" in result.stdout
    assert result.stdout.count("b is worse in") + result.stdout.count("do not tell a and b") == 2
    same = cmr("compare", "--a", "dim=40,precision=fp32", "--b", "dim=40,precision=b1", "-w", root)
    assert same.stdout == result.stdout


def test_by_the_start_of_an_id(cmr, root):
    runs = Store.open(str(root)).catalogue(RUNS)
    mine = [row for row in runs if row["direction"] == "t2v" and row["dim"] == 40]
    a, b = (next(r["run_id"] for r in mine if r["precision"] == p) for p in ("fp32", "int8"))
    ids = [row["run_id"] for row in runs]
    short = next(a[:n] for n in range(1, 17) if sum(i.startswith(a[:n]) for i in ids) == 1)
    result = cmr("compare", short, b, "-w", root)
    assert result.stdout.count("a = 40 native fp32") == 1
    refused = cmr("compare", "", b, "-w", root, code=1)
    assert refused.stderr == f"cmr: {len(runs)} runs have ids that begin with ''\n"


def test_several_at_once_share_the_correction(cmr, root, compared):
    one = compared
    both = cmr(
        "compare", "dim=40,precision=fp32", "dim=40,precision=b1", "dim=40,precision=int8",
        "-w", root,
    )  # fmt: skip
    assert one.stdout.count("a = ") == 2
    assert both.stdout.count("a = ") == 4
    line = next(x for x in one.stdout.splitlines() if x.strip().startswith("mrr")).split()
    again = next(x for x in both.stdout.splitlines() if x.strip().startswith("mrr")).split()
    assert line[:-2] == again[:-2]
    assert float(line[-2]) <= float(again[-2])


def test_a_cut_off_is_written_into_its_measure(cmr, root):
    """`mrr@k` at 10 is mrr@10, and a row of its own beside mrr."""
    result = cmr("compare", "dim=40,precision=fp32", "dim=40,precision=b1", "-w", root, "--all")
    first = {line.split()[0] for line in result.stdout.splitlines() if line.strip()}
    assert {"mrr", "mrr@1", "mrr@10", "recall@10", "map"} <= first
    query = (
        "select count(*) as n, max(value - (select value from metrics where measure = 'mrr' "
        "and run_id = m.run_id and protocol = 'full')) as over from metrics as m "
        "where measure = 'mrr@k' and k = 10 and protocol = 'full'"
    )
    (row,) = json.loads(cmr("sql", query, "-w", root, "--format", "json").stdout)
    assert row["n"] == 12
    assert row["over"] <= 1e-12


def test_pools(cmr, root):
    for pools in ("expected", "sampled"):
        result = cmr("compare", "dim=40,precision=fp32", "dim=16,precision=fp32", "-w", root,
                     "--pools", pools)  # fmt: skip
        assert " C " in result.stdout
        assert f", {pools}, C = 10, 20: a = " in result.stdout
        assert f"\n{pools.capitalize()}, C = 20: " in result.stdout


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["dim=40"], "two runs are needed"),
        (["zz", "yy"], "no run matches 'zz'"),
        (["dim=40,precision=fp64", "dim=40"], "no run matches 'dim=40,precision=fp64'"),
        (["dims=40", "dim=16"], "'dims' is not a setting of a run"),
        (["dim=40,precision=fp32", "dim=40,precision=fp32"], "or are the same run"),
        (["precision=fp32,dim=40", "precision=b1,dim=40", "--k", "7"], "no K = 7 in common"),
    ],
)
def test_refused(cmr, root, arguments, reason):
    result = cmr("compare", *arguments, "-w", root, code=1)
    assert reason in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_which_run_must_be_clear(root):
    runs = Store.open(str(root)).catalogue(RUNS)
    with pytest.raises(CmrError, match="name also precision"):
        pairs(runs, "dim=40,precision=fp32", "dim=16,precision=int8,direction=t2v,x"[:6])


def test_recommend(cmr, root):
    result = cmr("recommend", "-w", root, "--retain", "0.9")
    assert "Fewest bytes a vector that keep 90.0%, whole gallery" in result.stdout
    sentence = result.stdout.strip().splitlines()[-1]
    assert sentence.startswith("d, data: ")
    assert sentence.endswith(
        "nothing is recommended: 22 visual items are too few: at least 30 are needed "
        "(baseline: 40 native fp32)."
    )
    refused = cmr("recommend", "-w", root, "--k", "7", code=1)
    assert refused.stderr == (
        "cmr: K = 7 was not evaluated, only 1, 5, 10; `cmr evaluate --k 7` adds it without "
        "scoring again\n"
    )
    refused = cmr("recommend", "-w", root, "--dataset", "other", code=1)
    assert "no such runs" in refused.stderr
