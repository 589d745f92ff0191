"""Text files from users: UTF-8, or the encoding of the byte order mark."""

from __future__ import annotations

import codecs

from cmr.errors import CmrError
from cmr.sources.user_files import read_file

# UTF-32's mark begins with UTF-16's, so it comes first.
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}


def read_text(path: str) -> str:
    """A text file without its byte order mark. Raises CmrError, naming file and line."""
    try:
        data = read_file(path)
    except FileNotFoundError:
        raise CmrError(f"there is no file {path}") from None
    except OSError as error:
        raise CmrError(f"{path} cannot be read: {error.strerror or error}") from None
    return decode_text(data, path)


def decode_text(data: bytes, where: str) -> str:
    """Decode bytes: UTF-8, or UTF-16 or UTF-32 if they have the mark.

    Raises CmrError, naming the line, for other encodings and for what is not text.
    """
    mark = next((mark for mark in _MARKS if data.startswith(mark)), b"")
    data = data[len(mark) :]
    encoding = _MARKS.get(mark, "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].decode(encoding, "replace").count("\n") + 1
        raise CmrError(
            f"{where} is not {encoding.upper()} text: line {line} has the byte "
            f"0x{data[error.start]:02x}; save it as UTF-8 (iconv -f LATIN1 -t UTF-8, if it is "
            "Latin-1)"
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise CmrError(
            f"{where} is not {encoding.upper()} text: line {line} has a NUL; save it as UTF-8"
        )
    return text


def is_unicode(text: str) -> bool:
    """Whether a string has no lone surrogates, which names that are not UTF-8 get."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
