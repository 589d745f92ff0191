"""Keeping decoders' messages about damaged files off stderr; rejects report them."""

from __future__ import annotations

import ctypes
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import PIL


@contextmanager
def quiet_decoders() -> Iterator[None]:
    """Keep Pillow's warnings and log lines, and libtiff's, from stderr; FFmpeg's are off already.

    Filters belong to the process, so this is entered once around all threads, by none of them.
    """
    _silence_libtiff()
    logger = logging.getLogger("PIL")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"PIL(\.|$)")
            yield
    finally:
        logger.setLevel(level)


@cache
def _silence_libtiff() -> None:
    """Take libtiff's handlers away, which print; Pillow sees its errors all the same.

    Pillow's wheels bring libtiff along, in a folder beside or in the package. Where it is built in
    or of the system, its lines stay.
    """
    package = Path(PIL.__file__).parent
    for folder in (package.parent / "pillow.libs", package / ".dylibs"):
        for path in folder.glob("libtiff*"):
            try:
                library = ctypes.CDLL(str(path))
                for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
                    setter = getattr(library, name)
                    setter.argtypes, setter.restype = [ctypes.c_void_p], ctypes.c_void_p
                    setter(None)
            except (OSError, AttributeError):
                continue
