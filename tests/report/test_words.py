"""Catalogues: nothing in the code is untranslated, nothing translated is gone from the code."""

from __future__ import annotations

from pathlib import Path
from string import Formatter

import pytest
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po

import cmr.explore
import cmr.report
from cmr.errors import CmrError
from cmr.report import languages

FOLDER = Path(cmr.report.__file__).parent
# Whose texts the catalogues translate.
FOLDERS = (FOLDER, Path(cmr.explore.__file__).parent)
METHODS = [("**.py", "python"), ("**.j2", "jinja2"), ("**.js", "javascript")]
OPTIONS = {"**.j2": {"silent": "false"}}
OTHERS = [lang for lang in languages.languages() if lang != languages.SOURCE]


def in_the_code():
    """Every text that the code marks; of a plural both forms."""
    keywords = DEFAULT_KEYWORDS | {"mark": None, "say": None}
    found = set()
    for folder in FOLDERS:
        for name, line, text, _, context in extract_from_dir(folder, METHODS, OPTIONS, keywords):
            assert context is None, f"{name}:{line}: no text needs a context"
            found.add(text)
    return found


def catalogue(lang):
    with (FOLDER / "locale" / lang / "LC_MESSAGES" / "cmr.po").open("rb") as stream:
        return read_po(stream, abort_invalid=True)


def test_there_is_chinese():
    assert "zh" in OTHERS
    assert languages.translator("zh").gettext("whole gallery") == "完整检索库"
    assert languages.translator("en").gettext("whole gallery") == "whole gallery"
    with pytest.raises(CmrError, match="no language 'xx'; there are en, zh"):
        languages.translator("xx")


@pytest.mark.parametrize("lang", OTHERS)
def test_complete_and_current(lang):
    code = in_the_code()
    entries = {entry.id: entry for entry in catalogue(lang) if entry.id}
    assert code
    assert sorted(map(str, code - set(entries))) == [], "not translated"
    assert sorted(map(str, set(entries) - code)) == [], "no longer in the code"
    for entry in entries.values():
        forms = entry.string if isinstance(entry.string, tuple) else (entry.string,)
        assert all(forms), f"{entry.id!r} has no translation"
        assert not entry.fuzzy, f"{entry.id!r} is fuzzy"


@pytest.mark.parametrize("lang", OTHERS)
def test_the_same_places(lang):
    """A translation fills in what the text does, under the same names."""
    for entry in catalogue(lang):
        if entry.id:
            wanted = fields(entry.id[1] if isinstance(entry.id, tuple) else entry.id)
            forms = entry.string if isinstance(entry.string, tuple) else (entry.string,)
            for form in forms:
                assert fields(form) == wanted, entry.id


def fields(text):
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_a_third_language_is_one_file(tmp_path, monkeypatch):
    folder = tmp_path / "nl" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    text = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
    (folder / "cmr.po").write_text(text + 'msgid "whole gallery"\nmsgstr "hele galerij"\n')
    monkeypatch.setattr(languages, "_FOLDER", tmp_path)
    assert languages.languages() == ["en", "nl"]
    assert languages.translator("nl").gettext("whole gallery") == "hele galerij"


def test_a_damaged_file(tmp_path, monkeypatch):
    folder = tmp_path / "xx" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "cmr.po").write_text('msgid "a"\nnonsense\n')
    monkeypatch.setattr(languages, "_FOLDER", tmp_path)
    with pytest.raises(CmrError, match="is not a readable catalogue"):
        languages.translator("xx")
