"""Keeping slow imports out of a command's start-up, and idle threads from spinning."""

from __future__ import annotations

import os
import sys


def threads_that_sleep() -> None:
    """Let the threads of OpenBLAS and OpenMP sleep where they wait, unless the user has a wish.

    They spin until the next product, which for small ones takes more of the processor than the
    products, and from other threads when these are due. To be called before numpy or torch is
    imported; not by what measures the time of single products, for it takes time to wake up.
    """
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def without_pandas() -> None:
    """Keep pyarrow from importing pandas, which takes longer than most questions.

    The first time that pyarrow is given a Python list it imports pandas, only to learn whether the
    list is a Series of it. It asks once and remembers that there is none; asked for a frame, it
    looks again. For commands alone, whose values are never a Series: of a process that is someone
    else's, that is not known.
    """
    if "pandas" in sys.modules:
        return
    import pyarrow as pa

    absent = _Absent()
    sys.meta_path.insert(0, absent)
    try:
        pa.array([])
    finally:
        sys.meta_path.remove(absent)


class _Absent:
    """A finder of modules that finds that there is no pandas."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        """Raise ModuleNotFoundError for pandas, and leave others to the next finder."""
        if fullname == "pandas":
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
