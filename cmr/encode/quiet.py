"""Keeping off stderr what cmr itself reports: damaged files, and that a model is loading."""

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


@contextmanager
def quiet_loading() -> Iterator[None]:
    """Keep transformers' bar of the weights that it loads off stderr; cmr says that it loads."""
    from transformers.utils import logging as told

    shown = told.is_progress_bar_enabled()
    told.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            told.enable_progress_bar()
