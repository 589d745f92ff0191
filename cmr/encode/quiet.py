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
    """Keep Pillow's warnings and log lines, and libtiff's, off stderr; FFmpeg's are off already.

    Warning filters are per process, so enter this once around all threads, not within any.
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
    """Remove libtiff's handlers, which print; Pillow still sees its errors.

    Pillow's wheels bundle libtiff in a folder beside or inside the package. If it is linked
    statically or is the system's, its lines stay.
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
