"""The page in a real browser: silent, self-contained, sortable, and true to its SQL."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import shutil
import subprocess

import pytest
from click.testing import CliRunner
from PIL import Image

from cmr.answers import fetch
from cmr.api.values import in_arrow
from cmr.cli.main import main
from cmr.cli.written import write
from cmr.materialised import open_for, prepare
from cmr.report import page
from cmr.report.findings import VIEWS
from cmr.report.page import pictures
from cmr.sources.scenes_draw import render, scenes
from cmr.views import connect
from cmr.warehouse.current import current_runs
from cmr.warehouse.store import Store
from tests.conftest import TOY, unanswered
from tests.report.packed_rows import unpacked

pytestmark = pytest.mark.slow

NASTY = '<script>alert(1)</script> a red circle & "quotes" </script><!-- <b>bold</b>'


def run(*args):
    result = CliRunner().invoke(main, [str(arg) for arg in args])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Forty drawn pictures, two captions each, one nasty; four representations, two benched."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "photos").mkdir()
    lines = []
    for number, scene in enumerate(scenes("test", 40)):
        name = f"{number:02}.png"
        render(scene).save(folder / "photos" / name)
        lines += [[name, scene.captions[0]], [name, scene.captions[1] if number else NASTY]]
    with (folder / "captions.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["image", "caption"], *lines])
    run(
        "ingest", "pairs", *TOY, folder / "captions.csv", "--images", folder / "photos",
        "--dataset", "drawn", "-w", folder / "w", "--device", "cpu",
    )  # fmt: skip
    with unanswered():
        run(
            "evaluate", "--dataset", "drawn", "--dims", "8,512", "--precisions", "fp32,b1", "-w",
            folder / "w", "--candidates", "10,20,40", "--hits", "5", "--device", "cpu",
            "--protocols", "expected,full",
        )  # fmt: skip
        run(
            "evaluate", "--dataset", "drawn", "--dims", "512", "--precisions", "fp32", "-w",
            folder / "w", "--device", "cpu", "--protocols", "full", "--scorer", "faiss-hnsw",
            "--scorer-options", "m=2,ef=2,64",
        )  # fmt: skip
    run(
        "bench", "--dataset", "drawn", "--dims", "512", "--precisions", "fp32,b1", "-w",
        folder / "w", "--scorers", "torch,usearch-hnsw", "--stages", "batch,single",
        "--candidates", "10", "--singles", "5", "--repeats", "1", "--directions", "t2v,v2t",
        "--expansion-search", "16,32",
    )  # fmt: skip
    return folder


WAYS = ("t2v", "v2t")


def build(folder, dims=(8, 512), ways=WAYS, retain=0.8, **options):
    """The page of the runs of these dimensions; forty pictures are sure of some 85% at most."""
    warehouse = Store.open(str(folder / "w"))
    rows = current_runs(warehouse)
    ids = [row["run_id"] for row in rows if row["dim"] in dims and row["direction"] in ways]
    return page.build(bound(warehouse, ids), ids, retain=retain, **options)


def bound(warehouse, ids):
    """A connection as `cmr report` has it: with little of it bound, half of a page is planning."""
    return open_for(warehouse, VIEWS, ids)


@pytest.fixture(scope="module")
def html(folder):
    path = folder / "index.html"
    path.write_bytes(build(folder))
    return path


@pytest.fixture(scope="module")
def opened(browser, html):
    """The page, and all that it said or asked for."""
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    heard = []
    tab.on("console", lambda message: heard.append(f"{message.type}: {message.text}"))
    tab.on("pageerror", lambda error: heard.append(f"error: {error}"))
    tab.on("dialog", lambda dialog: (heard.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    tab.on("request", lambda asked: heard.append(asked.url) if _remote(asked.url) else None)
    tab.goto(html.as_uri())
    tab.wait_for_selector("html[data-ready]", timeout=60_000)
    return tab, heard


def _remote(url):
    return not url.startswith(("data:", "file:"))


def test_it_is_silent_and_draws_every_plot(opened):
    tab, heard = opened
    assert heard == []
    plots = tab.locator(".chart").count()
    # Two are tables, of lift.
    assert plots == 18
    assert tab.locator(".chart svg").count() == plots - 2
    assert tab.locator(".chart table").count() == 2
    for label in tab.locator(".chart svg").evaluate_all("all => all.map(x => x.ariaLabel)"):
        assert re.search("runs|representations|text to visual|visual to text", label), label
    # Every plot has marks, not axes alone.
    drawn = tab.locator(".chart:has(svg)").evaluate_all(
        "all => all.map(x => x.querySelectorAll('.role-mark path, .role-mark text').length)"
    )
    assert min(drawn) >= 2, drawn


def test_the_answer_comes_first(opened):
    tab, _heard = opened
    top = tab.locator("#content").inner_text()[:400]
    assert re.search(r"keeps at least|Stay with", top), top
    assert "B" in tab.locator(".tiles dd").first.inner_text()


def test_sorting(opened):
    tab, _heard = opened
    heading = tab.locator("table[id^=board] th", has_text="MRR")
    column = heading.evaluate("th => th.cellIndex + 1")
    cells = f"table[id^=board] tbody tr:not([hidden]) td:nth-child({column})"

    def values():
        return tab.locator(cells).evaluate_all("all => all.map(x => Number(x.dataset.v))")

    heading.locator("button").focus()
    tab.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "descending"
    assert values() == sorted(values(), reverse=True)
    assert len(set(values())) > 2
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    assert values() == sorted(values())
    names = tab.locator("table[id^=board] th", has_text="representation")
    names.locator("button").click()
    texts = tab.locator("table[id^=board] tbody tr:not([hidden]) td:first-child").all_inner_texts()
    assert texts == sorted(texts, key=lambda text: (int(text.split()[0]), text.split()[1:]))


def test_filtering(opened):
    tab, _heard = opened
    form = tab.locator("form.filters").first
    rows = tab.locator("table[id^=board] tbody tr:not([hidden])")
    before = rows.count()
    assert 0 < before < tab.locator("table[id^=board] tbody tr").count()
    form.locator("[name=direction]").select_option("t2v")
    assert rows.count() == before / 2
    form.locator("[name=words]").fill("b1 512")
    assert rows.count() == 1
    assert "512 native b1" in rows.inner_text()
    form.locator("button[type=reset]").click()
    tab.wait_for_function(
        f"document.querySelector('form.filters output').textContent.startsWith('{before}')"
    )
    assert rows.count() == before


def test_the_gallery(opened):
    tab, heard = opened
    lists = tab.locator("details.list")
    assert lists.count() == 4
    for number in range(4):
        summary = lists.nth(number).locator("> summary")
        summary.focus()
        tab.keyboard.press("Enter")
        assert lists.nth(number).evaluate("x => x.open")
    pictures = tab.locator(".entry img:visible")
    assert pictures.count() > 100
    for image in pictures.evaluate_all("all => all.map(x => [x.naturalWidth, x.alt])"):
        assert image[0] > 30
        assert image[1]
    words = tab.locator("form.filters").last.locator("[name=words]")
    words.fill("no such words anywhere")
    assert tab.locator(".entry:visible").count() == 0
    words.fill("<script>alert(1)</script>")
    assert tab.locator(".entry:visible").count() >= 1
    words.fill("")
    assert heard == []


def test_the_gallery_by_words_flips_and_slices(opened):
    tab, _heard = opened
    tab.evaluate("document.querySelectorAll('details.list').forEach(x => { x.open = true; })")
    form = tab.locator("form.filters[id^=entries]")
    entries = tab.locator(".entry:visible")
    before = entries.count()
    for change in ("lost", "won"):
        form.locator("[name=change]").select_option(change)
        shown = entries.evaluate_all("all => all.map(x => x.dataset.change)")
        assert set(shown) <= {change}
    form.locator("button[type=reset]").click()
    assert entries.count() == before
    slices = tab.locator(".entry").evaluate_all("all => all.map(x => x.dataset.slice)")
    label = min(slices[0].split("\n"), key=lambda one: sum(one in its for its in slices))
    form.locator("[name=slice]").select_option(label)
    shown = entries.evaluate_all("all => all.map(x => x.dataset.slice.split('\\n'))")
    assert 0 < len(shown) < before
    assert all(label in slices for slices in shown)
    form.locator("button[type=reset]").click()
    # All that a top list has is in view.
    strips = tab.locator(".strip:visible").evaluate_all(
        "all => all.map(x => x.scrollWidth - x.clientWidth)"
    )
    assert max(strips) <= 0


def test_choices_columns_and_highlights(opened):
    """What is chosen at the top holds everywhere, is in the URL, and goes back."""
    tab, heard = opened
    start, board = tab.url, tab.locator("table[id^=board]")
    lift = tab.locator(".chart[data-made=lift] caption").first
    tab.locator("#asked [name=measure]").select_option("ndcg")
    tab.locator("#asked [name=as]").select_option("absolute")
    assert board.locator("caption").inner_text().startswith("NDCG@10")
    assert board.locator("th[data-of=score]").inner_text().startswith("NDCG@10")
    assert lift.inner_text().startswith("NDCG@10")
    title = ".chart[data-made=quality] .role-axis-title text"
    tab.wait_for_function(f"document.querySelectorAll('{title}')[1].textContent === 'NDCG@10'")
    tab.go_back()
    tab.go_back()
    assert tab.url == start
    assert board.locator("caption").inner_text().startswith("Recall@10")
    name = tab.locator(".chart[data-made=quality] svg .role-mark text").first
    said = name.text_content()
    name.click()
    assert f"hi={said.replace(' ', '+')}" in tab.url
    faint = ".chart[data-made=quality] path[aria-roledescription^=area]"
    tab.wait_for_function(
        f"[...document.querySelectorAll('{faint}')].some(x => Number(x.getAttribute('opacity')"
        " ?? x.getAttribute('fill-opacity')) <= 0.02)"
    )
    tab.go_back()
    assert tab.url == start
    tab.locator(".columns summary").click()
    tab.locator(".columns [name=lift_10]").check()
    assert board.locator("th", has_text="lift").is_visible()
    tab.go_back()
    assert not board.locator("th", has_text="lift").is_visible()
    assert heard == []


def test_on_paper_everything_is_open(opened):
    tab, _heard = opened
    tab.locator("details.list[open] > summary").evaluate_all("all => all.forEach(x => x.click())")
    tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert tab.locator("details.list:not([open])").count() == 0
    tab.wait_for_function("document.querySelectorAll('.chart svg').length === 16")
    tab.evaluate("dispatchEvent(new Event('afterprint'))")
    assert tab.locator("details.list[open]").count() == 0
    tab.wait_for_function("document.querySelectorAll('.chart svg').length === 16")


def test_captions_are_text(opened, html):
    tab, heard = opened
    everything = tab.locator("body").inner_text()
    assert "<script>alert(1)</script>" in everything
    assert tab.locator("b", has_text="bold").count() == 0
    assert heard == []
    # No script starts but our own.
    assert html.read_text().count("<script>") == 2


def test_every_sql_gives_what_is_shown(opened, folder):
    tab, _heard = opened
    shown = tab.locator("code[data-key]").evaluate_all(
        "all => all.map(x => [x.dataset.key, x.textContent,"
        " document.getElementById('rows-' + x.dataset.key).textContent])"
    )
    assert len(shown) >= 16 + 4 + 4 + 2
    warehouse = Store.open(str(folder / "w"))
    # As `cmr sql` does it, without a new connection for each.
    con = connect(warehouse.root)
    prepare(con, warehouse, VIEWS)
    for key, sql, rows in shown:
        out = io.BytesIO()
        write(fetch(con, sql, shape=in_arrow), "json", out)
        found = json.loads(out.getvalue())
        expected = unpacked(rows)
        assert len(found) == len(expected), key
        if not key.startswith("s0-flips"):
            assert expected, key
        for one, other in zip(found, expected, strict=True):
            assert set(one) == set(other)
            for name, value in one.items():
                assert same(value, other[name]), (key, name, value, other[name])
    assert run("sql", sql, "-w", folder / "w", "--format", "json").encode() == out.getvalue()


def same(a, b):
    if isinstance(a, float) and isinstance(b, float | int):
        return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-8)
    return a == b


def test_the_field_of_contenders(opened, folder):
    """A row for each run, engines beside representations, the front in sentences."""
    tab, _heard = opened
    con = open_for(Store.open(str(folder / "w")), "from contenders")
    query = "from contenders where measure = 'recall' and k = 10 and dim in (8, 512)"
    every = fetch(con, query).to_pylist()
    section = tab.locator("h2#contenders-s0")
    assert section.inner_text() == "Contenders"
    tables = tab.locator("h3 ~ div.board table")
    assert sum(tables.nth(at).locator("tbody tr").count() for at in range(2)) == len(every)
    assert any("faiss-hnsw" in row["contender"] for row in every)
    said = tab.locator("h3 ~ ul > li").all_inner_texts()
    best = [row for row in every if row["best"]]
    assert best
    for row in best:
        mine = f"{row['contender']}: keeps {100 * row['kept']:.1f}% ["
        assert any(text.startswith(mine) for text in said), mine
    spec = json.loads(tab.locator("#spec-s0-contenders-t2v").inner_text())
    assert spec["layer"]


def test_without_lists_there_is_no_field(folder):
    warehouse = Store.open(str(folder / "w"))
    ids = [row["run_id"] for row in current_runs(warehouse) if row["list_length"] is None]
    assert b'id="contenders-' not in page.build(bound(warehouse, ids), ids, retain=0.8)


def test_copying(opened):
    tab, _heard = opened
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    box = tab.locator("details.sql").first
    box.locator("summary").click()
    box.locator("button.copy").click()
    tab.wait_for_function("document.querySelector('button.copy').textContent === 'Copied'")
    assert tab.evaluate("navigator.clipboard.readText()") == box.locator("code").text_content()


def test_the_numbers_open_as_a_table(opened):
    tab, _heard = opened
    box = tab.locator("details.numbers[data-key=s0-bytes-t2v]")
    box.locator("summary").click()
    rows = unpacked(tab.locator("#rows-s0-bytes-t2v").text_content())
    rows = [row for row in rows if (row["measure"], row["k"]) == ("recall", 10)]
    box.locator("tbody tr").first.wait_for()
    assert box.locator("tbody tr").count() == len(rows) == 4
    assert box.locator("thead th").all_inner_texts() == list(rows[0])


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (390, "dark"), (1280, "dark")])
def test_narrow_and_dark(browser, html, width, scheme):
    tab = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
    tab.goto(html.as_uri())
    tab.wait_for_selector("html[data-ready]", timeout=60_000)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    paper = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    light = sum(map(int, re.findall(r"\d+", paper)[:3])) > 3 * 128
    assert light == (scheme == "light")
    tab.close()


def test_the_same_for_the_same_warehouse(folder, html):
    assert build(folder) == html.read_bytes()


def test_the_flips_that_are_asked_for(folder, html):
    runs = current_runs(Store.open(str(folder / "w")))
    by_name = {
        (run["direction"], run["dim"], run["precision"]): run["run_id"]
        for run in runs
        if run["list_length"] is None
    }
    asked = [by_name["t2v", 512, "b1"], by_name["t2v", 8, "fp32"]]
    text = build(folder, ways=WAYS[:1], flips=[tuple(asked)]).decode()
    assert f"rank_flips(&#39;{asked[0]}&#39;, &#39;{asked[1]}&#39;)" in text
    usual = [by_name["t2v", 512, "fp32"], by_name["t2v", 512, "b1"]]
    assert f"rank_flips(&#39;{usual[0]}&#39;, &#39;{usual[1]}&#39;)" in html.read_text()


def test_chinese(folder):
    text = build(folder, lang="zh").decode()
    assert '<html lang="zh-Hans">' in text
    for words in ("What was measured", "Leaderboard", "Quality against", "Hardest queries"):
        assert words not in text


def test_a_chinese_word_stays_whole(browser, folder, tmp_path):
    path = tmp_path / "index.html"
    path.write_bytes(build(folder, (8,), WAYS[:1], lang="zh"))
    tab = browser.new_page(viewport={"width": 390, "height": 844})
    tab.goto(path.as_uri())
    tab.wait_for_selector("html[data-ready]", timeout=60_000)
    # Each word of a paragraph lies in one line.
    broken = tab.evaluate("""() => {
      const words = new Intl.Segmenter("zh-Hans", { granularity: "word" }), found = [];
      document.querySelectorAll("main p").forEach((p) => p.childNodes.forEach((node) => {
        if (node.nodeType !== 3) return;
        for (const { segment, index, isWordLike } of words.segment(node.data)) {
          if (!isWordLike || !/^\\p{Script=Han}{2}/u.test(segment)) continue;
          const range = document.createRange();
          range.setStart(node, index);
          range.setEnd(node, index + segment.length);
          if (range.getClientRects().length > 1) found.push(segment);
        }
      }));
      return [found, document.querySelectorAll("wbr").length];
    }""")
    assert broken[0] == []
    assert broken[1] > 50
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    tab.close()


def test_pictures_that_are_gone(folder, tmp_path):
    moved = tmp_path / "moved"
    (folder / "photos").rename(moved)
    try:
        text = build(folder, (8,), WAYS[:1]).decode()
        assert "The pictures can no longer be read: there is no folder" in text
        assert "data:image/webp" not in text
        assert "data-picture=" not in text
        assert "data:image/webp" in build(folder, (8,), WAYS[:1], images=str(moved)).decode()
        Image.new("RGB", (64, 64)).save(moved / "00.png")
        text = build(folder, (8,), WAYS[:1], images=str(moved)).decode()
        assert "1 of the pictures can no longer be read, or have changed since." in text
    finally:
        moved.rename(folder / "photos")


@pytest.mark.usefixtures("no_answer")
def test_without_hits_it_says_how_to_make_them(folder, tmp_path):
    shutil.copytree(folder / "w", tmp_path / "w")
    run(
        "evaluate", "--dataset", "drawn", "--dims", "16", "--precisions", "fp16", "-w",
        tmp_path / "w", "--candidates", "10", "--protocols", "full", "--directions", "t2v",
        "--device", "cpu",
    )  # fmt: skip
    text = build(tmp_path, dims=(16,)).decode()
    command = re.search(r"<pre>(cmr evaluate [^<\n]+)", text)[1]
    assert "--hits 10" in command
    args = [*command.split()[1:], "-w", tmp_path / "w", "--protocols", "full"]
    run(*args, "--device", "cpu")
    assert "<pre>cmr evaluate" not in build(tmp_path, dims=(16,)).decode()


def test_the_page_stays_small(folder, html, monkeypatch):
    """Thumbnails that would not fit are left out, and the page says so."""
    monkeypatch.setattr(page, "LARGEST", 1_600_000)
    monkeypatch.setattr(pictures, "SIDE", 640)
    monkeypatch.setattr(pictures, "QUALITY", 100)
    monkeypatch.setattr(pictures.Pictures, "_shrunk", lambda self, data: bytes(60_000))
    text = build(folder)
    assert len(text) <= 1_600_000
    assert b"more are left out, so that the page stays small" in text
    assert html.stat().st_size < page.LARGEST_PARTS


def test_it_has_no_word_of_when_it_was_made(html):
    made = subprocess.run(["date", "+%Y-%m-%d"], capture_output=True, text=True, check=True)
    assert made.stdout.strip() not in html.read_text()
