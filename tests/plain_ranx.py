"""ranx as the Python that it is written in: compiling it takes most of a minute."""

from __future__ import annotations

import contextlib
import sys

import numba


def _modules():
    return {name for name in sys.modules if name == "ranx" or name.startswith("ranx.")}


@contextlib.contextmanager
def plain_ranx():
    """The module, of which nothing is compiled; another `import ranx` gets the compiled one.

    Its sums and ranks are the same. Ties it may break otherwise: NumPy's sort is not numba's.
    """
    kept = {name: sys.modules.pop(name) for name in _modules()}
    before, numba.config.DISABLE_JIT = numba.config.DISABLE_JIT, True
    try:
        import ranx

        yield ranx
    finally:
        numba.config.DISABLE_JIT = before
        for name in _modules():
            del sys.modules[name]
        sys.modules.update(kept)
