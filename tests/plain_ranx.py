"""ranx as the Python that it is written in: compiling it takes most of a minute."""

from __future__ import annotations

import contextlib
import sys
from types import SimpleNamespace

import numba
import numpy as np
from numba.misc.quicksort import make_py_quicksort


def _modules():
    return {name for name in sys.modules if name == "ranx" or name.startswith("ranx.")}


def _argsort(values):
    return make_py_quicksort(is_argsort=True).run_quicksort(np.asarray(values))


@contextlib.contextmanager
def plain_ranx():
    """The module, of which nothing is compiled; outside, `import ranx` gets the compiled one.

    Its sums and ranks are the same. So is the order of ties: results are sorted as numba sorts
    what it compiles, for NumPy's sort breaks ties otherwise.
    """
    kept = {name: sys.modules.pop(name) for name in _modules()}
    before, numba.config.DISABLE_JIT = numba.config.DISABLE_JIT, True
    try:
        import ranx
        from ranx.data_structures import common

        common.np = SimpleNamespace(**{**vars(np), "argsort": _argsort})
        yield ranx
    finally:
        numba.config.DISABLE_JIT = before
        for name in _modules():
            del sys.modules[name]
        sys.modules.update(kept)
