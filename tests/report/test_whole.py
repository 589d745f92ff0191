"""A report is whole or as it was before, and pictures that are gone are a sentence."""

from __future__ import annotations

import json
import math
import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from cmr.errors import CmrError, DamageWarning
from cmr.identity import identity
from cmr.report import page, paper_tables, plot_list, write, written_files
from cmr.report.findings import Findings, read
from cmr.report.page.moved import MovedPictures
from cmr.report.page.pictures import Pictures
from cmr.report.plot_list import look_for, plots
from cmr.report.subject import subjects
from cmr.report.written_files import publish
from cmr.sources.scenes_draw import render, scenes
from cmr.sources.source_kinds import read_again
from cmr.views import connect
from cmr.warehouse.schemas import DATASETS
from cmr.warehouse.store import Store
from tests.conftest import TOY, unanswered
from tests.report.conftest import fill

PICTURES = 12

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return fill(tmp_path_factory.mktemp("whole") / "w", ways=("t2v",))


def quickly(patch):
    """Neither page nor plots, which take seconds; what they are called stays."""
    patch.setattr(page, "build", lambda *_, **__: b"<!doctype html>")
    empty = lambda _look, name, _draw: ((f"{name}.{kind}", b"-") for kind in ("png", "svg"))  # noqa: E731
    patch.setattr(write, "drawn", empty)


@pytest.fixture
def quick(monkeypatch):
    quickly(monkeypatch)


def below(folder):
    """Every file and folder below a folder; of a file its bytes."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in Path(folder).rglob("*")
    }


@pytest.fixture(scope="module")
def written(root, tmp_path_factory):
    """A report of which every file says that it is old."""
    made = tmp_path_factory.mktemp("old") / "out"
    with pytest.MonkeyPatch.context() as patch:
        quickly(patch)
        write.write_report(root, str(made))
    for path in made.rglob("*"):
        if path.is_file() and path.name != "experiment_summary.json":
            path.write_bytes(b"old")
    return made


@pytest.fixture
def out(written, quick, tmp_path):
    return shutil.copytree(written, tmp_path / "out")


def a_file(path):
    shutil.rmtree(path)
    path.write_text("a file")


def a_pipe(path):
    path.unlink()
    os.mkfifo(path)


def a_folder(path):
    path.unlink()
    path.mkdir()


def a_link(path):
    path.unlink()
    path.symlink_to("nowhere")


def a_circle(path):
    path.unlink()
    path.symlink_to(path.name)


OBSTACLES = [("plots", a_file), ("tables", a_file)] + [
    (name, make)
    for name in ("index.html", "metrics.csv", "experiment_summary.schema.json", "plots/{}")
    for make in (a_pipe, a_folder, a_link)
]


@pytest.mark.parametrize(("name", "make"), OBSTACLES)
def test_what_stands_in_the_way_changes_nothing(out, name, make):
    there = [name for name, data in below(out).items() if data is not None]
    last = sorted(path.name for path in (out / "plots").iterdir())[-1]
    make(out / name.format(last))
    before = below(out)
    with pytest.raises(CmrError, match="cannot write the report"):
        publish(str(out), [(one, b"new") for one in there])
    assert below(out) == before


@pytest.mark.slow
def test_plots_that_cannot_be_written_leave_the_page(root, cmr, out):
    a_file(out / "plots")
    before = below(out)
    error = cmr("report", "-w", root, "--out", out, code=1).stderr
    assert error.startswith("cmr: cannot write the report")
    assert error.count("\n") == 1
    assert below(out) == before


@pytest.mark.slow
@pytest.mark.parametrize("error", [CmrError("no glyph"), MemoryError(), OSError(28, "full")])
def test_a_plot_that_fails_changes_nothing(root, cmr, out, monkeypatch, error):
    drawn, count = write.drawn, []

    def fails(*given):
        count.append(given)
        if len(count) == 3:
            raise error
        return drawn(*given)

    monkeypatch.setattr(write, "drawn", fails)
    before = below(out)
    assert cmr("report", "-w", root, "--out", out, code=1).stderr.count("\n") == 1
    assert below(out) == before


@pytest.mark.slow
@pytest.mark.parametrize("linked", [True, False])
def test_an_error_on_the_way_is_taken_back(out, monkeypatch, tmp_path, linked):
    """Whichever file it is that cannot be put in place, and whether the disk has links or not."""
    before = below(out)
    rename = os.replace

    def refuse(*_):
        raise OSError(1, "not permitted")

    if not linked:
        monkeypatch.setattr(os, "link", refuse)
    names = [*sorted(name for name, data in before.items() if data), "new/a.png", "new/b.png"]
    gone = names[:2]
    for stop in range(len(names) - 2):
        count = []

        def fails(old, new, count=count, stop=stop):
            count.append(new)
            if len(count) == stop + 1:
                raise OSError(13, "refused")
            return rename(old, new)

        monkeypatch.setattr(written_files.os, "replace", fails)
        with pytest.raises(CmrError, match="refused"):
            publish(str(out), [(name, b"new") for name in names[2:]], gone)
        assert below(out) == before, stop
    monkeypatch.setattr(written_files.os, "replace", rename)
    publish(str(out), [(name, b"new") for name in names[2:]], gone)
    after = {name: data for name, data in below(out).items() if data is not None}
    assert after == dict.fromkeys(names[2:], b"new")


SUMMARIES = {
    "deep": lambda path: path.write_text("[" * 100_000),
    "a NUL": lambda path: path.write_text(json.dumps({"files": ["plots/a\0b.png"]})),
    "no Unicode": lambda path: path.write_text(json.dumps({"files": ["plots/\ud800.png"]})),
    "others": lambda path: path.write_text(json.dumps({"files": [1, {}, "../x.png", "a.png"]})),
    "a folder": lambda path: path.write_text(json.dumps({"files": ["plots/own.png"]})),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SUMMARIES)
def test_any_summary_that_lies_there(root, cmr, out, name):
    (out / "plots" / "own.png").mkdir()
    (out / "a.png").write_text("mine")
    SUMMARIES[name](out / "experiment_summary.json")
    cmr("report", "-w", root, "--out", out)
    assert (out / "plots" / "own.png").is_dir()
    assert (out / "a.png").read_text() == "mine"
    assert (out / "index.html").read_bytes() == b"<!doctype html>"


@pytest.mark.slow
def test_a_pipe_where_the_summary_was(root, cmr, out):
    a_pipe(out / "experiment_summary.json")
    told = []
    thread = threading.Thread(
        target=lambda: told.append(cmr("report", "-w", root, "--out", out, code=1)), daemon=True
    )
    thread.start()
    thread.join(60)
    assert told, "it waits for a pipe"
    assert "is not a regular file" in told[0].stderr


@pytest.fixture
def whole(root):
    """What is drawn of all runs."""
    con = connect(root)
    (subject,) = subjects(
        con, [run for (run,) in con.execute("select run_id from runs").fetchall()]
    )
    return read(con, subject)


@pytest.mark.slow
def test_nothing_known_is_no_error(whole):
    """What has no rows has no plot and no table."""
    look = look_for("en", [whole])
    nothing = {name: [] for name in ("metrics", "kept", "costs", "speeds", "ranks")}
    empty = replace(whole, **nothing, compared={})
    assert plots(look, empty, "x") == []
    assert paper_tables.kept(look, empty) is paper_tables.pools(look, empty) is None
    assert empty.leading("t2v") == "full"
    for name in nothing:
        part: Findings = replace(whole, **{name: []})
        assert {draw() is None for _, draw in plots(look, part, "x")} <= {False}
        paper_tables.kept(look, part)
        paper_tables.pools(look, part)
    few = [row for row in whole.kept if (row["measure"], row["k"]) != ("recall", 10)]
    assert paper_tables.kept(look, replace(whole, kept=few)) is not None
    assert plot_list.plots(look, replace(whole, compared={}), "x")


@pytest.mark.slow
def test_an_end_that_differs_in_the_last_digit_is_drawn(whole):
    """All that was sought is found: an end of the interval is the value, but for rounding."""
    look = look_for("en", [whole])
    less = math.nextafter(1.0, 0)
    size = whole.metrics[0]["candidates"]
    perfect = {"value": 1.0, "ci_low": 0.9, "ci_high": less, "lift": 10.0}
    metrics = [row | perfect for row in whole.metrics if row["candidates"] == size]
    perfect = {"recall_10": 1.0, "value_low": 0.9, "value_high": less}
    found = replace(whole, metrics=metrics, costs=[row | perfect for row in whole.costs])
    drawn = {name: draw() for name, draw in plots(look, found, "x")}
    assert any("lift" in name for name in drawn)
    assert any("bytes" in name for name in drawn)


NOTES = {
    "cut": '{"source": "pa',
    "empty": "",
    "no object": "[]",
    "deep": "[" * 100_000,
    "no source": '{"arguments": {}}',
    "a source that is none": '{"source": 5, "arguments": {}}',
    "an unknown source": '{"source": "nobody", "arguments": {}}',
    "no arguments": '{"source": "pairs"}',
    "a list of arguments": '{"source": "pairs", "arguments": [1]}',
    "none of the arguments": '{"source": "pairs", "arguments": {}}',
    "a number for a file": '{"source": "pairs", "arguments": {"file": 5}}',
    "a NUL": '{"source": "pairs", "arguments": {"file": "a\\u0000b.csv"}}',
    "an object for a folder": '{"source": "pairs", "arguments": {"file": "a", "images": {}}}',
    "numbers for shards": '{"source": "webdataset", "arguments": {"shards": [5]}}',
    "endless shards": '{"source": "webdataset", "arguments": {"shards": ["{0..99999999}.tar"]}}',
    "a list for a number": '{"source": "pairs", "arguments": {"file": "a", "limit": [1]}}',
}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A few pictures, ingested and evaluated, and their warehouse."""
    from click.testing import CliRunner

    from cmr.cli.main import main

    at = tmp_path_factory.mktemp("drawn")
    (at / "photos").mkdir()
    lines = ["image,caption"]
    for number, scene in enumerate(scenes("test", PICTURES)):
        render(scene).save(at / "photos" / f"{number}.png")
        lines.append(f"{number}.png,{scene.captions[0]}")
    (at / "c.csv").write_text("\n".join(lines))
    for command in (
        ("ingest", "pairs", *TOY, at / "c.csv", "--images", at / "photos", "--device", "cpu"),
        ("evaluate", "--dims", "16", "--precisions", "fp32,int8", "--protocols", "full",
         "--directions", "t2v", "--device", "cpu", "--hits", "3"),
    ):  # fmt: skip
        with unanswered():
            result = CliRunner().invoke(main, [*map(str, command), "-w", str(at / "w")])
        assert result.exit_code == 0, result.output
    return at


@pytest.fixture
def no_plots(monkeypatch):
    monkeypatch.setattr(write, "drawn", lambda _look, name, _draw: [(f"{name}.png", b"-")])


def noted(root, media):
    """Write what the warehouse notes of where the pictures lie; returns what it was."""
    warehouse = Store.open(root)
    (row,) = warehouse.catalogue(DATASETS)
    with warehouse.claim(identity(dataset=row["dataset"])):
        warehouse.commit(DATASETS, row["dataset"], {**row, "media": media})
    return row["media"]


@pytest.mark.slow
@pytest.mark.usefixtures("no_plots")
def test_a_damaged_note_of_where_pictures_lie(cmr, drawn, tmp_path):
    root = str(shutil.copytree(drawn / "w", tmp_path / "w"))
    good, out = noted(root, NOTES["cut"]), tmp_path / "out"
    error = cmr("report", "-w", root, "--out", out).stderr
    assert error.startswith("cmr: the page is without the pictures of 'c': ")
    assert error.count("cmr: ") == 1
    assert b"data:image/webp" not in (out / "index.html").read_bytes()
    noted(root, good)
    assert "cmr:" not in cmr("report", "-w", root, "--out", out).stderr
    assert b"data:image/webp" in (out / "index.html").read_bytes()


@pytest.mark.parametrize("name", NOTES)
def test_notes_that_are_none(name):
    with pytest.warns(DamageWarning, match="the page is without the pictures of 'c': ") as told:
        found = Pictures({"dataset": "c", "media": NOTES[name]}, None, str)
    assert len(told) == 1
    assert found.reason is not None
    assert found.data_uri({"uri": "1.png"}) is None


@pytest.mark.slow
@pytest.mark.usefixtures("no_plots")
@pytest.mark.parametrize("make", [a_pipe, a_circle])
def test_pictures_that_have_become_something_else(cmr, drawn, tmp_path, make):
    path = drawn / "photos" / "3.png"
    kept = path.read_bytes()
    make(path)
    try:
        error = cmr("report", "-w", drawn / "w", "--out", tmp_path / "out").stderr
        assert "cmr: the page is without the picture '3.png'" in error
        assert error.count("cmr: ") == 1
        assert b"data:image/webp" in (tmp_path / "out" / "index.html").read_bytes()
    finally:
        path.rmdir() if path.is_dir() else path.unlink()
        path.write_bytes(kept)


def test_notes_are_read_as_they_were_written(drawn):
    """What `ingest` notes is what reading it again takes; other keys are of other versions."""
    (row,) = Store.open(str(drawn / "w")).catalogue(DATASETS)
    note = json.loads(row["media"])
    assert len(read_again(note).visuals) == PICTURES
    note["arguments"]["of_another_version"] = {}
    assert len(read_again(note).visuals) == PICTURES


def test_moved_pictures_are_found_by_their_names(tmp_path):
    """Absolute paths, as clip-retrieval stores them: by the longest end in common."""
    for name, byte in (("a/1.jpg", b"1"), ("b/1.jpg", b"2"), ("b/2.JPG", b"3")):
        path = tmp_path / "now" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(byte)
    moved = MovedPictures(str(tmp_path / "now"))
    assert moved.read("/data/laion/a/1.jpg") == b"1"
    assert moved.read("C:\\laion\\b\\1.jpg") == b"2"
    assert moved.read("/elsewhere/2.jpg") == b"3"
    assert moved.read("b/1.jpg") == b"2"
    with pytest.raises(OSError, match=r"it may be a/1\.jpg or b/1\.jpg"):
        moved.read("/elsewhere/1.jpg")
    with pytest.raises(FileNotFoundError):
        moved.read("/elsewhere/3.jpg")
    shutil.make_archive(str(tmp_path / "now"), "zip", tmp_path / "now")
    packed = MovedPictures(str(tmp_path / "now.zip"))
    assert packed.read("/data/laion/b/1.jpg") == b"2"
