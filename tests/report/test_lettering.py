"""Every sign of a report has a glyph in a font, in Chinese too, or a sentence says so."""

from __future__ import annotations

import pytest

from cmr.errors import CmrError
from cmr.report import fonts
from cmr.report.plots import style
from cmr.report.write import write_report
from tests.report.conftest import fill

pytestmark = pytest.mark.slow

CJK = any("CJK" in entry.name for entry in [*fonts.installed(), *fonts.more()])
needs_cjk = pytest.mark.skipif(not CJK, reason="no CJK font is installed (fonts-noto-cjk)")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return fill(tmp_path_factory.mktemp("report") / "w")


def test_chinese_needs_a_font(root, cmr, tmp_path, monkeypatch):
    plain = [entry for entry in fonts.installed() if entry.name == fonts.PLAIN]
    monkeypatch.setattr(fonts, "installed", lambda: plain)
    monkeypatch.setattr(fonts, "more", list)
    refused = cmr("report", "-w", root, "--out", tmp_path / "out", "--lang", "zh", code=1)
    assert "fonts-noto-cjk" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


@needs_cjk
@pytest.mark.usefixtures("no_page")
def test_chinese(root, tmp_path, monkeypatch):
    """Every sign that is drawn has a glyph in the font that draws it, and labels are Chinese."""
    from matplotlib.text import Text

    drawn = []
    saved = style.saved

    def look(figure, kind):
        drawn.extend(text.get_text() for text in figure.findobj(Text))
        return saved(figure, kind)

    monkeypatch.setattr(style, "saved", look)
    write_report(root, str(tmp_path / "out"), lang="zh")
    text = "".join(drawn)
    assert "候选数 C" in drawn
    assert fonts.lettering("zh", text).families[-1] == fonts.PLAIN
    have = fonts.lettering("zh", text).signs
    assert {sign for sign in text if sign != "\n" and ord(sign) not in have} == set()
    (svg,) = (tmp_path / "out" / "plots").glob("*_t2v_recall.svg")
    assert "召回率" in svg.read_text(encoding="utf-8")


def test_a_missing_glyph_is_an_error():
    look = style.Look(str, fonts.lettering("en", "a"))

    def draw():
        figure = style.new_figure(2, 1)
        figure.text(0, 0, "\U00010ffd")
        return figure

    with pytest.raises(CmrError, match="Glyph"):
        list(style.drawn(look, "x", draw))
    assert look.name("a\n\U00010ffd") == r"a\n\U00010ffd"
