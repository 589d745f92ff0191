"""Which font families plots are drawn with, so that every character has a glyph."""

from __future__ import annotations

import contextlib
import functools
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cmr import caches
from cmr.errors import CmrError

# Shipped with matplotlib.
PLAIN = "DejaVu Sans"
# Fonts with Chinese characters, as distributions and systems name them, best first.
PREFERRED = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "PingFang SC",
    "Hiragino Sans GB",
    "Microsoft YaHei",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Heiti SC",
    "STHeiti",
    "Noto Sans CJK JP",
    "SimHei",
    "Arial Unicode MS",
)
_LIKELY = re.compile(r"CJK|Hei|Song|Ming|Han|Kai|Gothic|Noto|Unicode", re.IGNORECASE)
_INSTALL = (
    "install one, such as the package fonts-noto-cjk (Debian, Ubuntu), "
    "google-noto-sans-cjk-fonts (Fedora), font-noto-cjk (Alpine) or font-noto-sans-cjk-sc "
    "(Homebrew)"
)


@dataclass(frozen=True)
class Lettering:
    """Font families in order of preference, and the characters that they have."""

    families: tuple[str, ...]
    signs: frozenset[int]

    def shown(self, text: str, most: int = 60) -> str:
        """A name as plots show it: characters without a glyph escaped, long ones cut in the middle.

        Line ends and other control characters have no glyph.
        """
        spelt = "".join(
            sign
            if ord(sign) in self.signs and sign.isprintable()
            else sign.encode("unicode_escape").decode()
            for sign in text
        )
        if len(spelt) <= most:
            return spelt
        half = (most - 1) // 2
        return f"{spelt[:half]}…{spelt[-half:]}"


def lettering(lang: str, needed: str, wished: str = "") -> Lettering:
    """Families that cover every character of `needed`, and as many of `wished` as possible.

    Raises CmrError, saying what to install, if no font on this machine covers `needed`.
    """
    families: list[str] = []
    signs = _signs(_entry(PLAIN))
    for text, must in ((needed, True), (wished, False)):
        missing = _letters(text) - signs
        if not missing:
            continue
        found = next((one for one in _ordered() if missing <= _signs(one)), None)
        if found is None and must:
            some = "".join(map(chr, sorted(missing)[:5]))
            raise CmrError(
                f"no font with the characters of --lang {lang} ({some} …) is installed; {_INSTALL}"
            )
        if found is not None:
            families.append(found.name)
            signs |= _signs(found)
    return Lettering((*families, PLAIN), frozenset(signs))


def _letters(text: str) -> frozenset[int]:
    """What a font must have: letters, digits and CJK punctuation, but no ornaments."""
    return frozenset(
        ord(sign)
        for sign in text
        if sign.isalnum() or "\u3000" <= sign <= "\u303f" or "\uff00" <= sign <= "\uffef"
    )


def _ordered() -> Iterator[Any]:
    """Upright, regular fonts: preferred ones, likely ones, then all others."""
    for entries in (installed(), more()):
        fit = [
            one
            for one in entries
            if one.style == "normal"
            and str(one.weight) in _REGULAR
            # Its glyphs are boxes that show a script's name.
            and not one.name.startswith("Last Resort")
        ]
        by_name = {one.name: one for one in reversed(fit)}
        first = [by_name[name] for name in PREFERRED if name in by_name]
        likely = [one for name, one in sorted(by_name.items()) if _LIKELY.search(name)]
        yield from first
        yield from likely
        yield from (one for _, one in sorted(by_name.items()))


_REGULAR = ("400", "normal", "regular", "book")


@functools.cache
def lend_matplotlib_a_folder() -> None:
    """Give matplotlib a folder for its font list if the home folder has none.

    Otherwise it would create one in every process, with a warning, or fail. It looks only once, so
    the environment is restored afterwards.
    """
    if "MPLCONFIGDIR" in os.environ or _has_place():
        return
    found = caches.folder()
    if found is None:
        return
    os.environ["MPLCONFIGDIR"] = str(found / "matplotlib")
    try:
        import matplotlib as mpl

        mpl.get_configdir()
        mpl.get_cachedir()
    finally:
        del os.environ["MPLCONFIGDIR"]


def _has_place() -> bool:
    """Whether matplotlib can write to the home's folders, or create them."""
    with contextlib.suppress(RuntimeError):
        for name, usual in (("XDG_CONFIG_HOME", ".config"), ("XDG_CACHE_HOME", ".cache")):
            there = Path(os.environ.get(name) or Path.home() / usual, "matplotlib")
            while not there.exists() and there != there.parent:
                there = there.parent
            if not os.access(there, os.W_OK):
                return False
        return True
    return False


def installed() -> list[Any]:
    """The fonts that matplotlib knows."""
    lend_matplotlib_a_folder()
    from matplotlib import font_manager

    return list(font_manager.fontManager.ttflist)


@functools.cache
def more() -> list[Any]:
    """Fonts installed since matplotlib made its list, which it caches for a long time."""
    from matplotlib import font_manager

    manager = font_manager.fontManager
    known = {one.fname for one in manager.ttflist}
    before = len(manager.ttflist)
    for path in sorted(font_manager.findSystemFonts()):
        if path not in known:
            # A damaged font, or a kind that matplotlib cannot read.
            with contextlib.suppress(OSError, RuntimeError, ValueError):
                manager.addfont(path)
    return list(manager.ttflist[before:])


def _entry(name: str) -> Any:
    return next(one for one in installed() if one.name == name)


def _signs(entry: Any) -> frozenset[int]:
    return _of_file(entry.fname, getattr(entry, "index", 0))


@functools.lru_cache(maxsize=64)
def _of_file(path: str, face: int) -> frozenset[int]:
    """The code points for which a face of a font file has glyphs."""
    from matplotlib.ft2font import FT2Font

    try:
        font = FT2Font(path, face_index=face) if face else FT2Font(path)
        return frozenset(font.get_charmap())
    except (OSError, RuntimeError):
        return frozenset()
