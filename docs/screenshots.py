"""Write the screenshots into this folder.

    cmr demo && cmr ingest scenes --paragraphs && cmr evaluate --hits 10
    python docs/screenshots.py warehouse

Needs the system's Chromium.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from cmr.report.write import write_report

HERE = Path(__file__).parent
# The data set whose tab is shown, and a caption to search with.
TAB, CAPTION = "#tab-s0", "a small red circle above a large blue star"


def main(warehouse: str) -> None:
    """Write the page in both languages, light and dark, one of its plots, and `cmr explore`."""
    with tempfile.TemporaryDirectory() as out, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for lang, scheme in (("en", "light"), ("zh", "dark")):
            write_report(warehouse, f"{out}/{lang}", lang=lang)
            tab = _opened(browser, Path(out, lang, "index.html").as_uri(), scheme)
            if lang == "en":
                shutil.copy(
                    Path(out, lang, "plots/scenes_scenes-tiny_bytes.svg"),
                    HERE / "quality_and_bytes.svg",
                )
                tab.screenshot(path=HERE / "page_en.png")
                tab.locator(TAB).click()
                _from(tab, "#quality-s0", 620, "page_en_chart.png")
                tab.locator("#list-s0-flips-t2v > summary").click()
                _from(tab, "#list-s0-flips-t2v", 800, "page_en_gallery.png")
            else:
                tab.locator(TAB).click()
                _from(tab, "#quality-s0", 1000, "page_zh_plots.png")
        with _explored(warehouse) as address:
            tab = _opened(browser, address, "light")
            tab.locator("#text").fill(CAPTION)
            tab.locator("#text").press("Enter")
            tab.wait_for_selector("#side-b img", timeout=60_000)
            tab.wait_for_timeout(1_000)
            tab.screenshot(path=HERE / "explore_en.png")
        browser.close()


def _opened(browser: Browser, address: str, scheme: str) -> Page:
    tab = browser.new_page(viewport={"width": 1200, "height": 900}, color_scheme=scheme)
    tab.goto(address)
    if address.startswith("file:"):
        tab.wait_for_selector("html[data-ready]")
    return tab


def _from(tab: Page, what: str, height: int, name: str) -> None:
    tab.wait_for_timeout(1_000)
    top = tab.locator(what).evaluate("x => x.getBoundingClientRect().top + scrollY") - 24
    clip = {"x": 0, "y": top, "width": 1200, "height": height}
    tab.screenshot(path=HERE / name, full_page=True, clip=clip)


@contextlib.contextmanager
def _explored(warehouse: str) -> Iterator[str]:
    """The address of a `cmr explore` over the warehouse, which runs meanwhile."""
    command = [sys.executable, "-m", "cmr", "explore", "-w", warehouse, "--no-browser"]
    server = subprocess.Popen(
        [*command, "--dataset", "scenes"], stdout=subprocess.PIPE, text=True, bufsize=1
    )
    try:
        assert server.stdout is not None
        yield next(
            word for line in server.stdout for word in line.split() if word.startswith("http://")
        )
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(30)


if __name__ == "__main__":
    main(sys.argv[1])
