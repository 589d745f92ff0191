"""The report's texts by language: English in the code, others in gettext catalogues.

A language is one file, `locale/LANGUAGE/LC_MESSAGES/cmr.po` beside this module. It is read
directly: nothing is compiled, so nothing can be out of date. Code says
`_ = translator(lang).gettext` and then `_("whole gallery")`; texts in tables are marked where they
are written, `mark("whole gallery")`, and translated where they are used.
"""

from __future__ import annotations

import functools
import gettext
import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from cmr.errors import CmrError

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog

# The language of the texts in the code.
SOURCE = "en"
_FOLDER = Path(__file__).parent / "locale"
# Translates from English into the report's language.
Translate = Callable[[str], str]


def languages() -> list[str]:
    """The available languages: the code's own, then those that have a catalogue."""
    return [SOURCE, *sorted(path.parent.parent.name for path in _FOLDER.glob("*/*/cmr.po"))]


@functools.cache
def translator(lang: str) -> gettext.NullTranslations:
    """The catalogue of a language, with gettext's own methods.

    Raises CmrError if there is no such language, or if its file is damaged.
    """
    if lang not in languages():
        raise CmrError(f"there is no language {lang!r}; there are {', '.join(languages())}")
    if lang == SOURCE:
        return gettext.NullTranslations()
    from babel.messages.mofile import write_mo

    compiled = io.BytesIO()
    write_mo(compiled, _catalogue(lang))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def signs(lang: str) -> str:
    """The distinct characters used in a language's translations."""
    if lang == SOURCE:
        return ""
    found: set[str] = set()
    for message in _catalogue(lang):
        if message.id:
            forms = message.string if isinstance(message.string, tuple) else (message.string,)
            found.update(*forms)
    return "".join(sorted(found))


@functools.cache
def _catalogue(lang: str) -> Catalog:
    from babel.messages.pofile import PoFileError, read_po

    path = _FOLDER / lang / "LC_MESSAGES" / "cmr.po"
    try:
        with path.open("rb") as stream:
            return read_po(stream, abort_invalid=True)
    except (OSError, PoFileError, UnicodeDecodeError) as error:
        raise CmrError(f"{path} is not a readable catalogue: {error}") from None


def mark(text: str) -> str:
    """The text itself, marked as one that catalogues must translate."""
    return text


def locale_tag(lang: str) -> str:
    """A language's HTML code, such as `zh-Hans` for `zh`."""
    return {"zh": "zh-Hans"}.get(lang, lang.replace("_", "-"))
