"""What a caption may look like in a cell of a user's table: defined once, for every source.

A string; bytes of UTF-8; a list of them; a struct that keeps the text under `raw`, `sentence`,
`caption` or `text`, as the Hugging Face layouts of COCO and Flickr30k do, or a list of such; and
any of these written as JSON or as Python within a string, which is how lists get into a CSV.
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

# The text's field in a struct; the first that is there.
FIELDS = ("raw", "sentence", "caption", "text")
EMPTY = "the caption is empty"
_LINES = (tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER)
# As Python writes bytes down; and what only a list or a struct begins with: "[music]", "{sic}"
# and '["Stop" sign]' are captions.
_BYTES = re.compile(r"b(['\"]).*\1", re.DOTALL)
_QUOTED = re.compile(r"\[\s*(['\"]).*?\1\s*[,\]]|\{\s*['\"]|\[?\s*array\(\s*[\['\"]", re.DOTALL)
# As numpy writes an array within another value, and as Postgres writes one: its items have neither
# spaces nor quotes, or are quoted; "{sic}" is a caption.
_ARRAY = re.compile(r"array\((\[.*\])(,\s*dtype=[^()\[\]]*)?\)", re.DOTALL)
_ITEM = r'(?:"(?:[^"\\]|\\.)*"|[^\s"\'{},:\\]+)'
_POSTGRES = re.compile(rf'\{{(?:{_ITEM}(?:,{_ITEM})+|"(?:[^"\\]|\\.)*")\}}', re.DOTALL)


class Caption(NamedTuple):
    """One caption of a cell. `fault`: why there is none, else empty.

    `place`: from 0 in the cell's list, None where the cell holds no list.
    """

    text: str
    place: int | None = None
    fault: str = ""


def captions_of(value: Any, where: str, advice: str = "") -> list[Caption]:
    """The captions of a cell, at least one, of which some may be faults.

    An empty caption and bytes that are not UTF-8 are faults of their own. Raises CmrError,
    naming `where` (file and row) and the type, for what is no caption at all: numbers, languages
    side by side, lists of lists; `advice` then says what else can be asked for.
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
    """A list of single captions, or a single one: None, str, or bytes that are not UTF-8."""
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
    """Python's own type in place of an array's or a sequence's; NaN, pandas' null, is None."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list) and value and all(map(_is_entry, value)):
        # What pyarrow makes of a map.
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
    """What a string spells out: a list, a struct or bytes; None if it is a plain caption.

    Lists and structs of other things than texts, as "[2]" and "{}", are plain captions. Raises
    CmrError if it begins like one of several quoted strings and is none.
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
        raise _refused("what looks like a list or a struct and is none", where, advice)
    return None


def _holds_captions(found: Any) -> bool:
    """Whether it is a list or a struct meant to hold captions, even if some are faulty."""
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
    """The literal of Python, or numpy's list of strings without commas, or None."""
    try:
        tokens = [
            token
            for token in tokenize.generate_tokens(io.StringIO(text).readline)
            if token.type not in _LINES
        ]
        # Python joins neighbouring strings, of which numpy writes its arrays.
        if any(one.type == two.type == tokenize.STRING for one, two in itertools.pairwise(tokens)):
            if any(token.type != tokenize.STRING for token in tokens[1:-1]):
                return None
            return [ast.literal_eval(token.string) for token in tokens[1:-1]]
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError, tokenize.TokenError):
        return None


def _refused(what: str, where: str, advice: str) -> CmrError:
    return CmrError(f"{where} holds {what}, where a caption is expected{advice and '; '}{advice}")
