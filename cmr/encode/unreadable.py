"""The boundary around one item: whatever a decoder raises is that item's error, in one line."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from cmr.errors import CmrError
from cmr.sources.collection import MediaReader

# What is said of a picture or clip that a model's own steps refuse.
UNPREPARED = "cannot be prepared for the model"
# Longer reasons are cut here: the rest adds nothing.
LONGEST = 200
# OSErrors of the machine itself: no item is at fault, and all others would fail, too.
_OF_THE_MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE}


class UnreadableError(ValueError):
    """A picture or clip that cannot be used; its message is the reason, in one printable line."""


class RefusedError(Exception):
    """Some inputs of a batch that the model's processor refuses; others can be encoded without.

    `reasons`: by the input's place in the batch, each one printable line.
    """

    def __init__(self, reasons: Mapping[int, str]) -> None:
        super().__init__("; ".join(reasons.values()))
        self.reasons = dict(reasons)


@contextmanager
def one_item(what: str = "does not decode") -> Iterator[None]:
    """Turn any exception within, even MemoryError, into UnreadableError: `what` and the reason.

    Decoders raise anything on damaged files: KeyError, struct.error, RuntimeError. A CmrError
    passes through, as it concerns all items; so do errors of the machine, such as a lack of space
    or of file handles.
    """
    try:
        yield
    except (CmrError, UnreadableError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _OF_THE_MACHINE:
            raise
        raise UnreadableError(f"{what}: {reason_of(error)}") from None


def reason_of(error: BaseException) -> str:
    """An exception's message in one printable line, with its type if it is not a sentence."""
    try:
        said = str(getattr(error, "strerror", None) or error)
    except Exception:
        said = ""
    line = "".join(c if c.isprintable() else " " for c in said[: 4 * LONGEST])
    line = " ".join(line.split())
    if len(line) > LONGEST:
        line = line[:LONGEST] + "…"
    if isinstance(error, MemoryError):
        return "it needs more memory than there is"
    name = type(error).__name__
    if not line:
        return name
    # The message of other types may be a bare key or number.
    return line if isinstance(error, OSError | ValueError | SyntaxError) else f"{name}: {line}"


def read_item(reader: MediaReader, uri: str) -> bytes:
    """The bytes of one item. Raises UnreadableError with the reason if they cannot be read."""
    with one_item("cannot be read"):
        try:
            return reader.read(uri)
        except FileNotFoundError:
            raise UnreadableError("the file is missing") from None
