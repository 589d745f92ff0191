"""Keeping slow work out of a command's start and end, and idle threads from spinning."""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import sys
import threading
from collections.abc import Callable
from types import ModuleType


def threads_that_sleep() -> None:
    """Let waiting threads of OpenBLAS and OpenMP sleep, unless the user has set otherwise.

    By default they spin until the next product. For small products that takes more CPU time than
    the products do, and takes it from other threads that are ready to run. Call this before numpy
    or torch is imported, but not where single products are timed, because waking up takes time.
    """
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def collect_seldom() -> None:
    """Let Python look for garbage in cycles less often.

    What is imported stays, and hardly anything else is in cycles: by default Python looks through
    it a hundred times while torch is imported. Only for cmr's own processes.
    """
    gc.set_threshold(100_000, 50, 100)


def without_pandas() -> None:
    """Keep pyarrow from importing pandas, which takes longer than most queries.

    When pyarrow is first given a Python list it imports pandas, only to learn whether the list is a
    Series. It asks once and remembers that there is no pandas; asked for a frame, it looks again.
    Only for cmr's own commands, whose values are never a Series: in somebody else's process they
    may be.
    """
    if "pandas" in sys.modules:
        return
    import pyarrow as pa

    absent = _Absent("pandas", lambda: True)
    sys.meta_path.insert(0, absent)
    try:
        pa.array([])
    finally:
        sys.meta_path.remove(absent)


def without_blas() -> None:
    """Keep numba from importing scipy.linalg, which takes half of the time of its first kernel.

    It does so only to learn whether there is a BLAS, once; a kernel with products of matrices, of
    which cmr has none, looks again. Only for cmr's own commands: without one, covariances in
    somebody else's kernels are slower.
    """

    def asking() -> bool:
        module = sys.modules.get("numba.np.arraymath")
        return module is not None and not hasattr(module, "_HAVE_BLAS")

    sys.meta_path.insert(0, _Absent("scipy.linalg", asking))


def without_compiler() -> None:
    """Keep torchvision from importing torch's compiler, which takes longer than to import torch.

    One of its modules wants a function of the compiler's, for the gradients of detection models.
    With this the compiler is imported when that function is first called. Only for cmr's own
    processes, of which none calls it.
    """
    sys.meta_path.insert(0, _Postponing())


def leave(end: SystemExit) -> None:
    """End the process at once, with all that Python does at its end but the freeing of memory.

    To free one by one the objects of some hundred modules takes as long as a small query, and the
    system takes the memory back anyway. Python ends as usual where another thread has to be waited
    for, where output can't be written, or where somebody traces or profiles the command.
    """
    others = (one for one in threading.enumerate() if one is not threading.main_thread())
    watched = sys.gettrace() is not None or sys.getprofile() is not None
    if watched or not isinstance(end.code, int | None) or any(not one.daemon for one in others):
        raise end
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        raise end from None
    os._exit(end.code or 0)


class _Absent:
    """A module finder that reports a module as missing at some times."""

    def __init__(self, name: str, when: Callable[[], bool]) -> None:
        self._name, self._when = name, when

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        """Raise ModuleNotFoundError for it, and leave others to the next finder."""
        if fullname == self._name and self._when():
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


_COMPILER, _WANTED = "torch._dynamo.utils", "is_compile_supported"
_WANTS = "torchvision.ops.roi_align"


class _Postponing:
    """A module finder that, before torchvision's module that wants it, puts a stand-in in place."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        """Leave every module to the next finder."""
        if fullname == _WANTS and "torch._dynamo" not in sys.modules:
            sys.modules.setdefault(_COMPILER, _Postponed(_COMPILER))
        elif fullname.startswith("torchvision.") and isinstance(
            sys.modules.get(_COMPILER), _Postponed
        ):
            # This version did not want it. Left there, it would hide the package from others.
            del sys.modules[_COMPILER]


class _Postponed(ModuleType):
    """Stands in for the compiler's module until it is asked for something, once."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(_COMPILER) is self:
            del sys.modules[_COMPILER]

        def ask(device: str) -> object:
            return getattr(importlib.import_module(_COMPILER), name)(device)

        return ask if name == _WANTED else getattr(importlib.import_module(_COMPILER), name)
