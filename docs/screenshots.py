"""Write the report's screenshots into this folder: run `cmr demo` first.

Needs the system's Chromium. `python docs/screenshots.py WAREHOUSE`
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from cmr.report.write import write_report

HERE = Path(__file__).parent


def main(warehouse: str) -> None:
    """Write both languages of the demo's page, light and dark, and one of its plots."""
    with tempfile.TemporaryDirectory() as out, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for lang, scheme in (("en", "light"), ("zh", "dark")):
            write_report(warehouse, f"{out}/{lang}", lang=lang)
            tab = browser.new_page(viewport={"width": 1200, "height": 900}, color_scheme=scheme)
            tab.goto(Path(out, lang, "index.html").as_uri())
            tab.wait_for_selector("html[data-ready]")
            if lang == "en":
                (plot,) = Path(out, lang, "plots").glob("*_bytes.svg")
                shutil.copy(plot, HERE / "quality_and_bytes.svg")
                tab.screenshot(path=HERE / "page_en.png")
                tab.locator("#list-s0-flips-t2v > summary").click()
                _from(tab, "#list-s0-flips-t2v", 800, "page_en_gallery.png")
            else:
                _from(tab, "#quality-s0", 1000, "page_zh_plots.png")
        browser.close()


def _from(tab: Page, what: str, height: int, name: str) -> None:
    top = tab.locator(what).evaluate("x => x.getBoundingClientRect().top + scrollY") - 24
    clip = {"x": 0, "y": top, "width": 1200, "height": height}
    tab.screenshot(path=HERE / name, full_page=True, clip=clip)


if __name__ == "__main__":
    main(sys.argv[1])
