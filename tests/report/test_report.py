"""The report's files: complete, the same for the same warehouse, safe, and never empty boxes."""

from __future__ import annotations

import csv
import errno
import io
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner
from PIL import Image

from cmr import parts
from cmr.cli import progress
from cmr.cli.main import main
from cmr.report import page
from cmr.report.findings import MOST_COMPARED
from cmr.report.plots import style
from cmr.report.write import write_report
from cmr.views import connect
from cmr.warehouse.schemas import EMBEDDING_SETS, RUNS
from cmr.warehouse.store import Store
from tests import warehouses
from tests.report.conftest import fill, names_below, without_drawing, without_page
from tests.report.packed_rows import unpacked

pytestmark = pytest.mark.slow

PLOTS = ("recall", "mrr", "ndcg", "lift", "ranks", "compared")
BUILD = "import sys; from hatchling.build import build_wheel; build_wheel(sys.argv[1])"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return fill(tmp_path_factory.mktemp("report") / "w")


@pytest.fixture(scope="module")
def out(root, tmp_path_factory):
    """What the command wrote, in English."""
    folder = tmp_path_factory.mktemp("written") / "out"
    with pytest.MonkeyPatch.context() as patch:
        # However long it takes on a busy machine, it does not say so.
        patch.setattr(progress, "EVERY", 1e6)
        result = CliRunner().invoke(main, ["report", "-w", root, "--out", str(folder)])
    assert result.exit_code == 0, result.output
    assert f"{folder}/index.html" in result.stdout.splitlines()[0]
    assert re.search(r"plots/ \(13 png, 13 svg\)", result.stdout)
    assert result.stderr == "it has no speed figures; `cmr bench` measures them\n"
    return folder


def summary_of(folder):
    return json.loads((Path(folder) / "experiment_summary.json").read_text(encoding="utf-8"))


def test_files(out):
    found = names_below(out)
    stem = next(name for name in found if name.endswith("_bytes.png"))[6:-10]
    assert re.fullmatch(r"d_a_b-[0-9a-f]{8}", stem)
    whats = [f"{way}_{what}" for way in ("t2v", "v2t") for what in PLOTS] + ["bytes"]
    plots = {f"plots/{stem}_{what}.{kind}" for what in whats for kind in ("png", "svg")}
    tables = {f"tables/{stem}_{what}.{kind}" for what in ("gallery", "pools")
              for kind in ("md", "tex")}  # fmt: skip
    rest = {f"{name}.csv" for name in ("leaderboard", "metrics", "retention", "tradeoffs", "ranks",
                                       "comparisons")}  # fmt: skip
    rest |= {"index.html", "experiment_summary.json", "experiment_summary.schema.json"}
    assert found == plots | tables | rest
    for name in plots:
        if name.endswith(".png"):
            assert Image.open(out / name).size[0] >= style.COLUMN * style.DPI
        else:
            text = (out / name).read_text()
            assert "<dc:date>" not in text
            assert "<image" not in text or name.endswith("_compared.svg")


def test_summary_fits_its_schema(out):
    schema = json.loads((out / "experiment_summary.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    summary = summary_of(out)
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(summary)
    assert set(summary["files"]) == names_below(out)
    summary["runs"][0].pop("dim")
    summary["metrics"]["d"]["a/b"]["t2v"]["8 native fp32"]["full"]["20"]["mrr"]["value"] = "1"
    assert len(list(validator.iter_errors(summary))) == 2


def test_summary_and_tables_agree(out):
    summary = summary_of(out)
    values = summary["metrics"]["d"]["a/b"]["t2v"]["8 native int8"]["full"]["20"]
    rows = list(csv.DictReader(io.StringIO((out / "metrics.csv").read_text())))
    (row,) = (
        row
        for row in rows
        if (row["run_id"], row["protocol"], row["measure"], row["k"])
        == ("t2v0-001", "full", "recall", "10")
    )
    value = values["recall@10"]["value"]
    assert float(row["value"]) == value
    assert len(summary["runs"]) == 4
    (name,) = (out / "tables").glob("*_gallery.md")
    assert f"{value:.4f}" in name.read_text()
    (test,) = (
        row
        for row in summary["tests"]
        if (row["run_id"], row["measure"], row["k"]) == ("t2v0-001", "recall", 10)
    )
    assert test["value"] == value
    assert test["baseline"] == "t2v0-000"


def test_speeds_are_those_of_bench(cmr, tmp_path):
    """Plot, table, summary and page have what was benched alone; without it the page says how."""
    root = fill(tmp_path / "w", ways=("t2v",))
    sets = [("fp32", "t2v0-000"), ("int8", "t2v0-001")]
    for precision, run_id in sets:
        warehouse, more = Store.open(root), {"model": "a/b", "dim": 8, "gallery": 20}
        row = warehouse.find(RUNS, run_id)
        sides = {"text_set": f"t{precision}", "visual_set": f"v{precision}"}
        warehouse.commit(RUNS, run_id, {**row, **sides})
        for name in sides.values():
            made = {"set_id": name, "files": []}
            row = dict.fromkeys(EMBEDDING_SETS.schema.names) | made
            warehouse.commit(EMBEDDING_SETS, name, row)
        if precision == "int8":
            warehouses.add_bench(warehouse, precision, [0.5, 0.5], **more)
            warehouses.add_bench(warehouse, precision, [0.5], stage="single", batch=1,
                                 candidates=20, **more)  # fmt: skip
    found = connect(root).execute("select distinct measured from speed order by all").fetchall()
    assert found == [("bench",), ("evaluate",)]
    told = cmr("report", "-w", root, "--out", tmp_path / "out")
    assert told.stderr == ""
    (drawn,) = (tmp_path / "out" / "plots").glob("*_speed.svg")
    assert "cmr bench" in drawn.read_text()
    (row,) = csv.DictReader(io.StringIO((tmp_path / "out" / "speed.csv").read_text()))
    assert (row["run_id"], row["queries_per_second"]) == ("t2v0-001", "20.0")
    assert [row["run_id"] for row in summary_of(tmp_path / "out")["speed"]] == ["t2v0-001"]
    page = (tmp_path / "out" / "index.html").read_text()
    rows = re.search(r'id="rows-s0-speed-t2v">(.*?)</script>', page)[1]
    assert [(row["run_id"], row["p50_ms"]) for row in unpacked(rows)] == [("t2v0-001", 50.0)]
    schema = json.loads((tmp_path / "out" / "experiment_summary.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(summary_of(tmp_path / "out"))


def test_the_page_says_how_to_get_speeds(out):
    page = (out / "index.html").read_text()
    assert "No speed was measured: cmr bench --dataset d --directions t2v measures it." in page
    assert not unpacked(re.search(r'id="rows-s0-speed-t2v">(.*?)</script>', page)[1])


def test_the_same_twice(root, out, tmp_path):
    CliRunner().invoke(main, ["report", "-w", root, "--out", str(tmp_path / "b")])
    assert names_below(tmp_path / "b") == names_below(out)
    for name in names_below(out):
        assert (tmp_path / "b" / name).read_bytes() == (out / name).read_bytes(), name


@pytest.mark.usefixtures("no_page")
def test_odd_names(tmp_path):
    names = [
        ("../../up", "a/b"), ("x", "a_b"), ("x", "A_b"), ("x", "a_B\n$x_2$ & <b>|%"),
        ("数据 💥", "m" * 300), ("-rf" + "x" * 120, ".m"),
    ]  # fmt: skip
    warehouse = fill(tmp_path / "w", names, precisions=("fp32",), ways=("t2v",))
    written = write_report(warehouse, str(tmp_path / "deep" / "er" / "out"))
    assert names_below(tmp_path) - names_below(tmp_path / "w") >= {"deep/er/out/index.html"}
    outside = {name for name in names_below(tmp_path) if not name.startswith(("w/", "deep/er/out"))}
    assert outside == set()
    folded = [Path(path).as_posix().casefold() for path in written]
    assert len(folded) == len(set(folded))
    stems = {Path(path).name.removesuffix("_bytes.png") for path in written if "_bytes.png" in path}
    assert len(stems) == len(names)
    for stem in stems:
        assert re.fullmatch(r"[\w.-]+", stem)
        assert not stem.startswith(("-", "."))
        assert len(stem.encode()) < 200


@pytest.mark.usefixtures("no_drawing")
def test_names_are_escaped_in_tables(tmp_path):
    warehouse = fill(tmp_path / "w", [("d_1", r"a|b & 50% $x$ \y {z} <i>#~^" + "\n*")])
    write_report(warehouse, str(tmp_path / "out"))
    (tex,) = (tmp_path / "out" / "tables").glob("*_gallery.tex")
    caption = next(line for line in tex.read_text().splitlines() if line.startswith(r"\caption"))
    assert r"d\_1, a\textbar{}b \& 50\% \$x\$ \textbackslash{}y \{z\} \textless{}i" in caption
    assert r"\textgreater{}\#\textasciitilde{}\textasciicircum{} $\ast$" in caption
    (plain,) = (tmp_path / "out" / "tables").glob("*_gallery.md")
    lines = plain.read_text().splitlines()
    assert lines[0].startswith(r"### d\_1, a\|b \& 50% \$x\$ \\y \{z\} \<i\>\#\~^ \*")
    pipes = {len(re.findall(r"(?<!\\)\|", line)) for line in lines if line.startswith("|")}
    assert pipes == {9}


@pytest.mark.usefixtures("no_drawing")
def test_chosen(root, cmr, tmp_path):
    refused = cmr("report", "-w", root, "--out", tmp_path / "o", "--dataset", "e", code=1)
    assert refused.stderr == "cmr: no run has the dataset 'e'; there is d\n"
    refused = cmr("report", "-w", root, "--out", tmp_path / "o", "--model", "m", code=1)
    assert refused.stderr == "cmr: no run has the model 'm'; there is a/b\n"
    assert not (tmp_path / "o").exists()
    two = fill(tmp_path / "w", [("d", "a"), ("d", "b"), ("e", "a")])
    cmr("report", "-w", two, "--out", tmp_path / "o", "--dataset", "d")
    assert {row["model"] for row in summary_of(tmp_path / "o")["runs"]} == {"a", "b"}
    before = names_below(tmp_path / "o")
    (tmp_path / "o" / "plots" / "mine.png").write_bytes(b"")
    cmr("report", "-w", two, "--out", tmp_path / "o", "--dataset", "d", "--model", "a")
    left = names_below(tmp_path / "o")
    assert {row["model"] for row in summary_of(tmp_path / "o")["runs"]} == {"a"}
    # What is no more of the report went; what is not the report's stayed.
    assert left - {"plots/mine.png"} == {name for name in before if "/d_b" not in name}
    assert "plots/mine.png" in left


def test_no_runs(cmr, tmp_path):
    warehouse = warehouses.new(tmp_path / "w")
    refused = cmr("report", "-w", warehouse.root, "--out", tmp_path / "out", code=1)
    assert "no runs to report" in refused.stderr
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def undrawn(root, tmp_path_factory):
    """A report without its pictures, which nobody changes."""
    made = tmp_path_factory.mktemp("undrawn") / "out"
    with pytest.MonkeyPatch.context() as patch:
        without_page(patch)
        without_drawing(patch)
        write_report(root, str(made))
    return made


@pytest.mark.usefixtures("no_drawing")
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
def test_a_full_disk(root, cmr, undrawn, tmp_path, monkeypatch, number):
    shutil.copytree(undrawn, tmp_path / "out")
    before = {name: (tmp_path / "out" / name).read_bytes() for name in names_below(tmp_path)
              if (tmp_path / "out" / name).is_file()}  # fmt: skip
    write, count = Path.write_bytes, []

    def full(path, data):
        count.append(path)
        if len(count) > 15:
            raise OSError(number, "refused")
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    refused = cmr("report", "-w", root, "--out", tmp_path / "out", "--lang", "en", code=1)
    assert refused.stderr.count("\n") == 1
    refused = cmr("report", "-w", root, "--out", tmp_path / "new", code=1)
    monkeypatch.undo()
    assert ("no space left" in refused.stderr) == (number == errno.ENOSPC)
    assert not (tmp_path / "new").exists()
    after = {name: (tmp_path / "out" / name).read_bytes() for name in names_below(tmp_path / "out")}
    assert {name: after[name] for name in before} == before
    assert not list((tmp_path / "out").glob(".part-*"))


@pytest.mark.usefixtures("no_drawing")
def test_what_a_killed_process_left_goes(root, tmp_path):
    place, *_ = parts.mark().split("-")
    left = tmp_path / "out" / f".part-{place}-999999999-abcd"
    left.mkdir(parents=True)
    (left / "half.png").write_bytes(b"x")
    write_report(root, str(tmp_path / "out"))
    assert not list((tmp_path / "out").glob(".part-*"))


@pytest.mark.usefixtures("no_page")
def test_many_runs(tmp_path):
    """A matrix shows as many as one can read, the baseline among them, and says so."""
    many = [f"{precision} {n}" for n in range(6) for precision in ("fp32", "fp16", "int8", "int4")]
    warehouse = fill(tmp_path / "w", precisions=many, ways=("t2v",))
    write_report(warehouse, str(tmp_path / "out"))
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out" / "comparisons.csv").read_text())))
    assert len(rows) == MOST_COMPARED * (MOST_COMPARED - 1) // 2
    base = {row["baseline"] for row in summary_of(tmp_path / "out")["tradeoffs"]}
    assert base <= {row["run_a"] for row in rows} | {row["run_b"] for row in rows}
    for path in (tmp_path / "out" / "plots").glob("*.svg"):
        svg = path.read_text()
        assert "Recall@10" in svg or "recall" not in path.name
    (svg,) = (tmp_path / "out" / "plots").glob("*_compared.svg")
    assert (
        f"paired differences of {MOST_COMPARED} of {len(many)} runs, whole gallery"
        in svg.read_text()
    )


@pytest.mark.usefixtures("no_page")
def test_one_run(tmp_path):
    """Nothing to compare, nothing tested; what there is to say is said."""
    write_report(fill(tmp_path / "w", precisions=("fp32",), ways=("t2v",)), str(tmp_path / "out"))
    found = names_below(tmp_path / "out")
    assert not any("compared" in name or "comparisons" in name for name in found)
    assert all(row["p_holm"] is None for row in summary_of(tmp_path / "out")["tests"])


def test_the_wheel_has_them(tmp_path):
    subprocess.run(
        [sys.executable, "-c", BUILD, str(tmp_path)],
        check=True, capture_output=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    there = set(zipfile.ZipFile(wheel).namelist())
    source = Path(page.__file__).parents[1]
    wanted = [path for path in source.rglob("*") if path.suffix in (".po", ".json", ".j2", ".css")]
    assert len(wanted) > 3
    for path in wanted:
        assert f"cmr/report/{path.relative_to(source).as_posix()}" in there
