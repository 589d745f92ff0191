"""The forms that a caption may have in a cell of a user's table, defined once for all sources.

A string; UTF-8 bytes; a list of these; a struct with the text under `raw`, `sentence`, `caption` or
`text`, as in the Hugging Face layouts of COCO and Flickr30k, or a list of such; and any of these
written as JSON or Python in a string, which is how lists get into a CSV.
"""

from __future__ import annotations

import ast
import io
import itertools
import json
import math
import re
import tokenize
from typing import Any, NamedTuple

from cmr.errors import CmrError
from cmr.sources.phrases import kind_of

# The text's field in a struct; the first that exists is used.
FIELDS = ("raw", "sentence", "caption", "text")
EMPTY = "the caption is empty"
_LINES = (tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER)
# Python's notation of bytes, and how only a list or a struct begins: "[music]", "{sic}" and
# '["Stop" sign]' are captions.
_BYTES = re.compile(r"b(['\"]).*\1", re.DOTALL)
_QUOTED = re.compile(r"\[\s*(['\"]).*?\1\s*[,\]]|\{\s*['\"]|\[?\s*array\(\s*[\['\"]", re.DOTALL)
# How numpy prints an array within another value, and how Postgres writes one: its items are quoted,
# or have neither spaces nor quotes; "{sic}" is a caption.
_ARRAY = re.compile(r"array\((\[.*\])(,\s*dtype=[^()\[\]]*)?\)", re.DOTALL)
_ITEM = r'(?:"(?:[^"\\]|\\.)*"|[^\s"\'{},:\\]+)'
_POSTGRES = re.compile(rf'\{{(?:{_ITEM}(?:,{_ITEM})+|"(?:[^"\\]|\\.)*")\}}', re.DOTALL)


class Caption(NamedTuple):
    """One caption of a cell. `fault`: why there is none, else "".

    `place`: position in the cell's list, from 0; None if the cell is not a list.
    """

    text: str
    place: int | None = None
    fault: str = ""


def captions_of(value: Any, where: str, advice: str = "") -> list[Caption]:
    """The captions of a cell, at least one, of which some may be faults.

    An empty caption, or bytes that are not UTF-8, is a fault of that caption only. Raises CmrError,
    naming `where` (file and row) and the type, for what is not a caption at all: numbers, languages
    side by side, lists of lists; `advice` then says what to do instead.
    """
    told = _spelt(value, where, advice)
    many = isinstance(told, list)
    if not many:
        text, fault = _text(told, where, advice)
        return [Caption(text, None, fault)]
    if not told:
        return [Caption("", None, "the list of captions is empty")]
    found = (_text(one, where, advice) for one in told)
    return [Caption(text, place, fault) for place, (text, fault) in enumerate(found)]


def _spelt(value: Any, where: str, advice: str) -> Any:
    """A list of single captions, or a single one: None, str, or undecodable bytes."""
    value = _plain(value)
    if isinstance(value, str):
        inside = _written_out(value, where, advice)
        return value if inside is None else _spelt_inside(inside, where, advice)
    return _spelt_inside(value, where, advice)


def _spelt_inside(value: Any, where: str, advice: str) -> Any:
    value = _plain(value)
    if isinstance(value, dict):
        return _spelt_inside(_field(value, where, advice), where, advice)
    if not isinstance(value, list):
        return value
    if len(value) == 1 and isinstance(_plain(value[0]), list):
        return _spelt_inside(value[0], where, advice)
    singles = []
    for one in value:
        inside = _spelt_inside(one, where, advice)
        if isinstance(inside, list):
            if len(inside) != 1:
                raise _refused("a list of lists", where, advice)
            inside = inside[0]
        singles.append(inside)
    return singles


def _plain(value: Any) -> Any:
    """Arrays and sequences as Python's own types; NaN, which pandas uses for null, as None."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list) and value and all(map(_is_entry, value)):
        # pyarrow's form of a map.
        named = dict(value)
        if len(named) == len(value):
            return named
        return {name: [one for key, one in value if key == name] for name in named}
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, float) and math.isnan(value):
        return None
    return bytes(value) if isinstance(value, bytearray | memoryview) else value


def _is_entry(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str)


def _field(value: dict[Any, Any], where: str, advice: str) -> Any:
    for name in FIELDS:
        if name in value:
            return value[name]
    fields = ", ".join(map(str, value)) or "nothing"
    raise _refused(f"a struct of {fields} (none of them {', '.join(FIELDS)})", where, advice)


def _text(value: Any, where: str, advice: str) -> tuple[str, str]:
    """A single caption's text, or what is wrong with it."""
    if isinstance(value, bytes):
        try:
            value = value.decode("utf-8")
        except UnicodeDecodeError as error:
            return "", f"the caption is bytes that are not UTF-8, at byte {error.start}"
    if value is None:
        return "", EMPTY
    if not isinstance(value, str):
        raise _refused(f"{value!r:.60}, {kind_of(value)}", where, advice)
    return (value, "") if value.strip() else ("", EMPTY)


def _written_out(text: str, where: str, advice: str) -> Any:
    """The list, struct or bytes that a string spells out; None if it is a plain caption.

    Lists and structs of anything but texts, such as "[2]" and "{}", are plain captions. Raises
    CmrError if it begins like a list of quoted strings but is not one.
    """
    text = text.strip()
    if array := _ARRAY.fullmatch(text):
        text = array[1]
    ends = text[:1] + text[-1:]
    if (
        not text.startswith(("array(", "[array("))
        and ends not in ("[]", "{}", "()")
        and not _BYTES.fullmatch(text)
    ):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = _python(text)
    if (array and found is not None) or isinstance(found, bytes) or _holds_captions(found):
        return found
    if _POSTGRES.fullmatch(text):
        return [_unquoted(one) for one in re.findall(_ITEM, text[1:-1])]
    if array or _QUOTED.match(text):
        raise _refused("what looks like a list or a struct but is not one", where, advice)
    return None


def _holds_captions(found: Any) -> bool:
    """Whether it is a list or a struct meant to contain captions, even if some are faulty."""
    if isinstance(found, dict):
        return bool(found) and all(isinstance(name, str) for name in found)
    if isinstance(found, tuple):
        return bool(found) and all(isinstance(one, str | bytes) for one in found)
    if not isinstance(found, list):
        return False
    told = [_plain(one) for one in found]
    if any(isinstance(one, str | bytes) for one in told):
        return True
    return all(one is None or _holds_captions(one) for one in told)


def _unquoted(item: str) -> str | None:
    if item.startswith('"'):
        return re.sub(r"\\(.)", r"\1", item[1:-1], flags=re.DOTALL)
    return None if item == "NULL" else item


def _python(text: str) -> Any:
    """The value of a Python literal, or of numpy's list of strings without commas, or None."""
    try:
        tokens = [
            token
            for token in tokenize.generate_tokens(io.StringIO(text).readline)
            if token.type not in _LINES
        ]
        # Python would join the adjacent strings that numpy prints for an array.
        if any(one.type == two.type == tokenize.STRING for one, two in itertools.pairwise(tokens)):
            if any(token.type != tokenize.STRING for token in tokens[1:-1]):
                return None
            return [ast.literal_eval(token.string) for token in tokens[1:-1]]
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError, tokenize.TokenError):
        return None


def _refused(what: str, where: str, advice: str) -> CmrError:
    return CmrError(f"{where} holds {what}, where a caption is expected{advice and '; '}{advice}")
