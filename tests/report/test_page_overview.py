"""The page of several models and data sets: the overview first, and every state has a URL."""

from __future__ import annotations

import re

import pytest

from cmr.answers import fetch
from cmr.materialised import open_for
from cmr.report import page
from cmr.warehouse.current import current_runs
from cmr.warehouse.store import Store
from tests.report.conftest import fill

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """Two models on one data set, one of them on another, too."""
    folder = tmp_path_factory.mktemp("several")
    root = fill(folder / "w", names=(("d", "a/b"), ("d", "c/d"), ("e", "a/b")))
    warehouse = Store.open(root)
    ids = [row["run_id"] for row in current_runs(warehouse)]
    path = folder / "index.html"
    path.write_bytes(page.build(open_for(warehouse, "from metrics, retention", ids), ids))
    return path


@pytest.fixture
def tab(browser, several):
    tab = browser.new_page(viewport={"width": 1400, "height": 900})
    heard = []
    tab.on("console", lambda message: heard.append(message.text))
    tab.on("pageerror", lambda error: heard.append(str(error)))
    tab.goto(several.as_uri())
    tab.wait_for_selector("html[data-ready]", timeout=60_000)
    yield tab
    assert heard == []
    tab.close()


def test_the_overview_comes_first(tab):
    shown = tab.locator("#part-overview")
    assert shown.is_visible()
    assert tab.locator("[role=tabpanel]:visible").count() == 1
    assert re.search(r"(a/b|c/d) is best by its baseline", shown.inner_text())
    assert tab.locator("#overview-0-table tbody tr").count() == 2
    assert tab.locator("#overview-1-table tbody tr").count() == 1
    assert shown.locator(".chart svg").count() == 2
    before = tab.locator("td[data-score]").first.inner_text()
    tab.locator("#asked [name=measure]").select_option("mrr")
    assert tab.locator("td[data-score]").first.inner_text() != before
    assert tab.locator("#overview-0-table caption").inner_text().startswith("MRR")


def test_every_state_has_a_url(tab, several):
    start = tab.url
    tab.locator("#overview-0-table tbody a").first.click()
    panel = tab.locator("[role=tabpanel]:visible")
    name = panel.get_attribute("id")
    assert tab.url == f"{start}#{name}"
    board = panel.locator("table[id^=board]")
    tab.locator("#asked [name=k]").select_option("1")
    assert "k=1" in tab.url
    panel.locator("form.filters").first.locator("[name=direction]").select_option("t2v")
    rows = board.locator("tbody tr:visible").count()
    text = board.inner_text()
    panel.locator("h2", has_text="Quality against C").wait_for()
    address = tab.url
    tab.go_back()
    assert board.locator("tbody tr:visible").count() == 2 * rows
    tab.go_back()
    assert tab.locator("#asked [name=k]").input_value() == "10"
    tab.go_back()
    assert tab.locator("#part-overview").is_visible()
    tab.go_forward()
    assert panel.get_attribute("id") == name
    # The URL alone leads to the same place.
    tab.goto("about:blank")
    tab.goto(address)
    tab.wait_for_selector("html[data-ready]", timeout=60_000)
    assert tab.locator("[role=tabpanel]:visible").get_attribute("id") == name
    assert tab.locator("[role=tabpanel]:visible table[id^=board]").inner_text() == text


NAMES = ("value_a", "value_b", "difference", "ci_low", "ci_high", "p", "p_holm")


def test_any_two_runs_are_compared_as_by_compare(tab, several):
    """The page's own figures, of runs of two models as well, to 1e-9."""
    con = open_for(Store.open(str(several.parent / "w")), "from metrics")
    tab.locator("#overview-0-table tbody a").first.click()
    box = tab.locator(".pair-of:visible")
    runs = box.locator("[name=a] option").evaluate_all("all => all.map(x => x.value)")
    assert len(runs) == 4
    wanted = "('recall', 'hit_rate', 'ndcg', 'mrr')"
    for a, b in ((runs[0], runs[3]), (runs[2], runs[1])):
        box.locator("[name=a]").select_option(a)
        box.locator("[name=b]").select_option(b)
        rows = fetch(
            con,
            f"select * replace (holm_max(step, p) as p_holm) from (select *, holm_step(p) as step "
            f"from compare('{a}', '{b}') where measure in {wanted})",
        ).to_pylist()
        shown = box.locator(".pair-out table").first.locator("tbody tr")
        found = {
            line[0]: line[1:]
            for line in shown.evaluate_all(
                "all => all.map(x => [x.cells[0].textContent,"
                " ...[...x.cells].slice(1).map(y => Number(y.dataset.v))])"
            )
        }
        assert len(rows) == len(found) > 6
        for row in rows:
            title = LABELS[row["measure"]].format(k=row["k"])
            *figures, wins, losses, ties = found[title]
            for name, value in zip(NAMES, figures, strict=True):
                assert value == pytest.approx(row[name], rel=1e-9, abs=1e-9), (title, name)
            assert (wins, losses, ties) == (row["wins"], row["losses"], row["ties"])
        flips = fetch(con, f"select change from rank_flips('{a}', '{b}')").to_pylist()
        lines = box.locator(".pair-out td.lost, .pair-out td.won").all_inner_texts()
        assert lines.count("lost") == sum(row["change"] == "leaves" for row in flips)
        assert lines.count("won") == sum(row["change"] == "enters" for row in flips)


LABELS = {"recall": "Recall@{k}", "hit_rate": "Hit rate@{k}", "ndcg": "NDCG@{k}", "mrr": "MRR"}
