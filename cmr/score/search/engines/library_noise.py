"""What a library writes to standard error by itself, as one warning."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator

from cmr.errors import EngineWarning


@contextlib.contextmanager
def said_once(library: str) -> Iterator[None]:
    """Take what C++ writes to standard error meanwhile, and warn of the first line of it.

    faiss says a hundred times that it would like more vectors to learn from.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as file:
        before = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(before, 2)
            os.close(before)
            file.seek(0)
            lines = file.read().decode(errors="replace").splitlines()
            if lines:
                warnings.warn(f"{library}: {lines[0].strip()}", EngineWarning, stacklevel=4)
