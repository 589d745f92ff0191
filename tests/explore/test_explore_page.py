"""The page of `cmr explore` in Chromium, by a server that really runs."""

from __future__ import annotations

import re

import pytest

from cmr.sources.scenes_draw import render_png, scenes
from tests.explored import NASTY, drawn, serving

pytestmark = pytest.mark.slow

TYPED = "a small red circle to the left of a big blue square"


@pytest.fixture(scope="module")
def served(once):
    with serving(drawn(once) / "w") as found:
        yield found


def open_page(browser, address, heard, **options):
    tab = browser.new_page(**{"viewport": {"width": 1400, "height": 900}, **options})
    tab.set_default_timeout(120_000)
    tab.on("console", lambda message: heard.append(f"{message.type}: {message.text}"))
    tab.on("pageerror", lambda error: heard.append(f"error: {error}"))
    tab.on("dialog", lambda dialog: (heard.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    tab.on("request", lambda asked: heard.append(asked.url) if _remote(asked.url) else None)
    tab.goto(address)
    tab.wait_for_selector("html[data-ready]")
    return tab


def _remote(url):
    return not re.match(r"(http://127\.0\.0\.1:|blob:http://127\.0\.0\.1:|data:)", url)


@pytest.fixture
def heard():
    """All that a page said, and what it asked others for: nothing."""
    found = []
    yield found
    assert found == []


@pytest.fixture
def tab(browser, served, heard):
    tab = open_page(browser, f"{served.address}&dataset=scenes", heard)
    yield tab
    tab.close()


def search(tab, text):
    tab.fill("#text", text)
    tab.press("#text", "Enter")
    tab.wait_for_function(
        "text => document.querySelector('#asked b')?.textContent === text", arg=text
    )


def hits(tab, side):
    return tab.eval_on_selector_all(
        f"#side-{side} .hits button", "all => all.map(one => [one.dataset.side, one.dataset.id])"
    )


def test_a_typed_query_and_a_click_on_a_hit(tab):
    """Typed words find pictures, with scores and moves; a picture finds captions, and back."""
    search(tab, TYPED)
    left, right = hits(tab, "a"), hits(tab, "b")
    assert len(left) == len(right) == 10
    assert {side for side, _ in left + right} == {"visual"}
    assert left != right
    assert "text to visual" in tab.inner_text("#asked")
    figures = tab.eval_on_selector_all("#side-a .figures", "all => all.map(one => one.innerText)")
    scores = [float(one.split("\n")[0]) for one in figures]
    assert scores == sorted(scores, reverse=True)
    places = [item for _, item in right]
    for at, (_, item) in enumerate(left):
        sign = tab.inner_text(f"#side-a .hits li:nth-child({at + 1}) .figures [aria-hidden]")
        if item in places:
            moved = places.index(item) - at
            assert sign == ("=" if not moved else f"{'▲' if moved > 0 else '▼'} {abs(moved)}")
        else:
            assert sign[0] in "▲>"
    tab.wait_for_function(
        "() => [...document.querySelectorAll('.hits img')].every(one => one.naturalWidth > 0)"
    )
    assert re.fullmatch(
        r"query ready in [\d.]+ ms · searched in [\d.]+ ms", tab.inner_text("#side-a > p")
    )
    picture = left[0][1]
    tab.click("#side-a .hits li:first-child button")
    tab.wait_for_function("() => document.querySelector('.hits button').dataset.side === 'text'")
    assert f"Picture {picture}" in tab.inner_text("#asked")
    assert "relevant items: 5" in tab.inner_text("#asked")
    relevant = tab.eval_on_selector_all(
        "#side-a .hits .relevant", "all => all.map(one => one.dataset.id)"
    )
    assert relevant
    assert all(one.startswith(f"{picture}-") for one in relevant)
    tab.click("#side-a .hits .relevant")
    tab.wait_for_function("() => document.querySelector('.hits button').dataset.side === 'visual'")
    assert picture in [item for _, item in hits(tab, "a")]
    assert tab.locator("#side-a .hits .relevant").count() == 1
    tab.go_back()
    tab.wait_for_function("() => document.querySelector('.hits button').dataset.side === 'text'")


def test_a_dropped_picture(tab):
    scene = scenes("test", 3)[2]
    given = {"name": "x.png", "mimeType": "image/png", "buffer": render_png(scene)}
    tab.set_input_files("#file", given)
    tab.wait_for_selector("#asked img[alt='Dropped picture']")
    assert "visual to text" in tab.inner_text("#asked")
    before = hits(tab, "a")
    assert any(item.startswith(f"{scene.scene_id}-") for _, item in before)
    tab.click("#swap")
    tab.wait_for_function("() => document.documentElement.dataset.searched >= 2")
    assert sorted(hits(tab, "b")) == sorted(before)
    script = """bytes => {
        const moved = new DataTransfer();
        moved.items.add(new File([new Uint8Array(bytes)], "y.png", { type: "image/png" }));
        dispatchEvent(new DragEvent("drop", { dataTransfer: moved }));
    }"""
    other = scenes("test", 9)[8]
    tab.evaluate(script, list(render_png(other)))
    tab.wait_for_function(
        "id => document.querySelector('#side-b .hits button').dataset.id.startsWith(id)",
        arg=other.scene_id,
    )


def test_the_leaderboard_and_sql(tab, heard):
    tab.wait_for_selector("#board-rows tbody tr")
    rows = tab.locator("#board-rows tbody tr")
    assert rows.count() == 8
    tab.click("#board-rows th:has-text('vector_bytes') button")
    assert tab.get_attribute("#board-rows th:has-text('vector_bytes')", "aria-sort") == "descending"
    search(tab, TYPED)
    chosen = tab.input_value("#b")
    tab.locator("#board-rows tbody tr", has_text="pca").first.get_by_text("Right side").click()
    assert tab.input_value("#b") != chosen or "pca" in tab.inner_text("#side-b h3")
    tab.wait_for_function("() => /pca/.test(document.querySelector('#side-b h3').textContent)")
    tab.fill("#sql", "select 1 + 1 as two, '<b>x</b>' as text")
    tab.press("#sql", "Control+Enter")
    tab.wait_for_selector("#sql-rows td")
    assert tab.inner_text("#sql-rows tbody") == "2\t<b>x</b>"
    tab.fill("#sql", "drop table runs")
    tab.click("#asking button.main")
    tab.wait_for_selector("#sql-status.note")
    assert "only reads" in tab.inner_text("#sql-status")
    tab.fill("#sql", "select count(*) from range(1000000000) a, range(1000000000) b")
    tab.click("#asking button.main")
    tab.click("#stop")
    tab.wait_for_selector("#stop[disabled]")
    # Chromium tells the console of every refusal.
    assert len(heard) == 1
    assert "400" in heard.pop()


def test_markup_in_captions_is_text(browser, served, heard):
    tab = open_page(browser, f"{served.address}&dataset=photos", heard)
    assert tab.input_value("#dataset") == "photos"
    assert tab.get_attribute(".offered button", "data-text") == NASTY
    search(tab, NASTY)
    tab.click("#side-a .hits li button")
    tab.wait_for_function("() => document.querySelector('.hits button').dataset.side === 'text'")
    said = tab.inner_text("#results")
    assert NASTY in said or NASTY in tab.inner_text("#asked")
    tab.fill("#sql", "select text from items where text like '<%'")
    tab.press("#sql", "Control+Enter")
    tab.wait_for_selector("#sql-rows td")
    assert tab.inner_text("#sql-rows td") == NASTY
    assert tab.locator("main script, main b:has-text('bold'), img[src='x']").count() == 0
    tab.close()


@pytest.mark.parametrize("width", [390, 1400])
@pytest.mark.parametrize("colours", ["light", "dark"])
def test_it_fits(browser, served, heard, width, colours):
    size = {"width": width, "height": 850}
    tab = open_page(
        browser, f"{served.address}&dataset=scenes", heard, viewport=size, color_scheme=colours
    )
    search(tab, TYPED)
    tab.wait_for_selector("html[data-board]")
    assert tab.evaluate("document.documentElement.scrollWidth") == width
    left, right = (tab.locator(f"#side-{side}").bounding_box() for side in "ab")
    assert left["x"] + left["width"] <= right["x"]
    paper = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 21, 24)"}[colours]
    tab.close()


def test_by_keyboard_alone(tab):
    tab.focus("#text")
    tab.keyboard.type(TYPED)
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#side-a .hits button")
    for _ in range(40):
        tab.keyboard.press("Tab")
        if tab.evaluate("document.activeElement.closest('.hits') !== null"):
            break
    chosen = tab.evaluate("document.activeElement.dataset.id")
    tab.keyboard.press("Enter")
    tab.wait_for_function("() => document.querySelector('.hits button').dataset.side === 'text'")
    assert chosen in tab.inner_text("#asked")


def test_chinese_on_a_port_of_one_s_own_choice(browser, once, heard):
    with serving(drawn(once) / "w", "--dataset", "scenes", "--lang", "zh") as served:
        tab = open_page(browser, served.address, heard)
        assert tab.get_attribute("html", "lang") == "zh-Hans"
        assert tab.locator("#dataset").count() == 0
        search(tab, TYPED)
        assert "文本检索视觉" in tab.inner_text("#asked")
        assert "检索用时" in tab.inner_text("#side-a > p")
        tab.close()
        assert served.end()[0] == 0
    with pytest.raises(Exception, match="ERR_CONNECTION_REFUSED"):
        browser.new_page().goto(served.address)
