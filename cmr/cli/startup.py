"""Keeping slow imports out of a command's start-up."""

from __future__ import annotations

import sys


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
