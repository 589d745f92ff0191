"""Which font families a language's plots are drawn with."""

from __future__ import annotations

from cmr.errors import CmrError

# Fonts that hold Chinese, as distributions and systems name them.
CJK_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Source Han Sans SC",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    "PingFang SC",
    "Heiti SC",
    "Microsoft YaHei",
    "SimHei",
)


def font_for(lang: str) -> list[str]:
    """Font families for a language's plots, first choice first.

    Raises CmrError, saying what to install, if none that holds its signs is there.
    """
    plain = ["DejaVu Sans"]
    if lang != "zh":
        return plain
    from matplotlib import font_manager

    installed = {font.name for font in font_manager.fontManager.ttflist}
    found = [name for name in CJK_FONTS if name in installed]
    if not found:
        # The list is cached between runs, so a font just installed may be missing from it.
        fresh = {
            font_manager.get_font(path).family_name
            for path in font_manager.findSystemFonts()
            if "cjk" in path.lower() or "hei" in path.lower() or "han" in path.lower()
        }
        found = [name for name in CJK_FONTS if name in fresh]
        for path in font_manager.findSystemFonts() if found else []:
            if font_manager.get_font(path).family_name == found[0]:
                font_manager.fontManager.addfont(path)
    if not found:
        raise CmrError(
            "no font with Chinese signs is installed; install one, such as the package "
            "fonts-noto-cjk or google-noto-sans-cjk-fonts"
        )
    return [*found[:1], *plain]
