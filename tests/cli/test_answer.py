"""What `cmr evaluate` ends with: a table of 80 columns and a sentence that is true."""

from __future__ import annotations

import pytest

from cmr.views import connect


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("answer")


@pytest.fixture
def evaluate(cmr, npz, path):
    def run(*more):
        if not (path / "w").exists():
            cmr("ingest", "npz", npz(), "-w", path / "w", "--dataset", "d")
        return cmr("evaluate", "-w", path / "w", "--candidates", "20,10", *more).stdout

    return run


def test_one_run(evaluate):
    """Of one representation there is nothing to recommend, and it is not said that there is."""
    found = evaluate("--dims", "40", "--precisions", "int8", "--directions", "t2v",
                     "--protocols", "full")  # fmt: skip
    assert "Leaderboard, whole gallery" in found
    assert found.count("40 native int8") == 1
    assert "one representation, so there is nothing to choose from. Evaluate --precisions" in found


def test_without_native_fp32(evaluate):
    found = evaluate("--dims", "40", "--precisions", "int8,int4")
    assert "the finest evaluated (40 native int8)" in found or "none smaller than 40" in found
    assert "Evaluate --precisions fp32 too" in found


def test_against_native_fp32(evaluate):
    found = evaluate("--dims", "40", "--precisions", "fp32,fp16,b1")
    assert "Leaderboard, expected, C = 20" in found
    sentence = found.strip().splitlines()[-1]
    assert sentence.startswith("d, data: 40 native fp16 is the smallest that is sure to keep 99%")
    assert "80 bytes a vector, 50.0% of its size" in sentence
    assert "Evaluate" not in sentence


def test_many_rows(evaluate):
    """The best of each direction, and how many more there are; a line has 80 columns."""
    found = evaluate("--dims", "4,8,12,16,24,32", "--precisions", "fp32,int8,int4",
                     "--dim-methods", "pca,random")  # fmt: skip
    lines = found.splitlines()
    assert sum(line.strip().startswith("t2v ") for line in lines) == 12
    assert any('more: cmr sql "from leaderboard"' in line for line in lines)
    table = [line.rstrip() for line in lines if not line.startswith("d, data: ")]
    assert max(map(len, table)) <= 80


def table(found):
    """A row by its direction and representation, its cells by their headings."""
    lines = [line.split() for line in found.splitlines() if line.startswith((" t2v", " v2t"))]
    return {(line[0], " ".join(line[1:4])): line[4:] for line in lines}


def test_what_was_just_scored(evaluate, path):
    """The protocol and C asked for now, whatever there is of before, and what the same keeps."""
    evaluate("--dims", "40,8", "--precisions", "fp32,b1")
    found = evaluate("--dims", "8", "--precisions", "b1", "--candidates", "12,15")
    assert "Leaderboard, expected, C = 15" in found
    shown = table(found)
    assert set(shown) == {("t2v", "8 pca b1"), ("v2t", "8 pca b1")}
    con = connect(str(path / "w"))
    for way, who in shown:
        # Of the baseline, which was evaluated at C = 10 and 20 alone.
        mine, base = (
            con.execute(
                "select value from metrics_for(15, 10) where measure = 'recall' and k = 10 and "
                f"direction = '{way}' and dim = {dim} and precision = '{precision}'"
            ).fetchone()[0]
            for dim, precision in ((8, "b1"), (40, "fp32"))
        )
        assert shown[way, who][1] == f"{mine:.4f}"
        assert shown[way, who][-1] == f"{mine / base:.1%}"
    found = evaluate("--dims", "40,8", "--precisions", "b1", "--protocols", "full")
    assert "Leaderboard, whole gallery" in found
    kept = dict(con.execute(
        "select direction || ' ' || dim, recall_10_kept from tradeoffs where precision = 'b1'"
    ).fetchall())  # fmt: skip
    for (way, who), cells in table(found).items():
        assert cells[-1] == f"{kept[f'{way} {who.split()[0]}']:.1%}"
    found = evaluate("--dims", "8", "--precisions", "b1", "--protocols", "sampled",
                     "--candidates", "14")  # fmt: skip
    assert "Leaderboard, sampled, C = 14" in found
    assert "kept is empty where the baseline was not evaluated so" in found
