"""The report's files: names that are safe and distinct, and that appear whole."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from cmr import parts
from cmr.errors import CmrError
from cmr.identity import identity

# Bytes of a name's part: file systems take 255 for the whole.
_LONGEST = 60
_SCRATCH = ".part-"


def stems(named: Sequence[tuple[str, ...]]) -> list[str]:
    """For each tuple of names the beginning of a file name, no two alike on any file system.

    Letters and digits of any script stay, with `.`, `-` and `_`; where anything else was in the
    names, where they are long, or where two would give the same, a hash of the names follows.
    """
    plain = ["_".join(_plain(name) for name in names) for names in named]
    alike = Counter(map(_folded, plain))
    return [
        stem
        if alike[_folded(stem)] == 1 and stem == "_".join(names)
        else "-".join(filter(None, [stem, identity(names=list(names))[:8]]))
        for names, stem in zip(named, plain, strict=True)
    ]


def _plain(name: str) -> str:
    kept = "".join(
        sign if sign.isalnum() or sign in ".-_" else "_"
        for sign in unicodedata.normalize("NFC", name)
    )
    # A leading point hides a file, a leading minus reads as an option.
    return kept.encode()[:_LONGEST].decode(errors="ignore").strip("._-")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def publish(out: str, files: Iterable[tuple[str, bytes]]) -> list[str]:
    """Write files below the folder `out`, all of them or none; returns their paths, in order.

    They are made under another name and renamed at the end, so that a full disk, an error in
    `files` or a kill leaves nothing half-written. Raises CmrError if they cannot be written.
    """
    names: list[str] = []
    try:
        with _scratch(Path(out)) as scratch:
            for name, data in files:
                path = scratch / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
                names.append(name)
            for name in names:
                _refuse_other(Path(out) / name)
            for name in names:
                path = Path(out) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                os.replace(scratch / name, path)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise CmrError(f"no space left to write the report to {out}; nothing changed") from None
        raise CmrError(f"cannot write the report to {out}: {error.strerror or error}") from None
    return [str(Path(out) / name) for name in names]


def _refuse_other(path: Path) -> None:
    """Raise CmrError where a file is to be replaced that is none: a link, a pipe, a folder."""
    if os.path.lexists(path) and (path.is_symlink() or not path.is_file()):
        raise CmrError(f"cannot write the report: {path} is no plain file, so it is not replaced")


@contextlib.contextmanager
def _scratch(out: Path) -> Iterator[Path]:
    """A hidden folder below `out`; it goes, and those of killed processes too, and `out` if new."""
    new = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob(f"{_SCRATCH}*"):
        if parts.left_behind(old.name.removeprefix(_SCRATCH)):
            shutil.rmtree(old, ignore_errors=True)
    folder = out / f"{_SCRATCH}{parts.mark()}"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if new:
            # Only where it is still empty: nothing came of it.
            with contextlib.suppress(OSError):
                out.rmdir()
