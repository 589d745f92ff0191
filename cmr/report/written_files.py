"""The report's files: safe and distinct names, and files that appear only when complete."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from cmr import parts
from cmr.errors import CmrError
from cmr.identity import identity

# Bytes per part of a name: file systems allow 255 for the whole.
_LONGEST = 60
_SCRATCH = ".part-"
_ASIDE = ".before"


def stems(named: Sequence[tuple[str, ...]]) -> list[str]:
    """A file name's stem for each tuple of names, distinct on any file system.

    Letters and digits of any script stay, and `.`, `-` and `_`. If the names contain anything else,
    are long, or would collide, a hash of the names is appended.
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
    # A leading dot hides a file; a leading minus looks like an option.
    return kept.encode()[:_LONGEST].decode(errors="ignore").strip("._-")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def publish(
    out: str, files: Iterable[tuple[str, bytes]], remove: Collection[str] = ()
) -> list[str]:
    """Write files below the folder `out`, all of them or none; returns their paths, in order.

    They are written under temporary names, and replace the previous ones only once all exist. A
    full disk or an error in `files` changes nothing, nor does an error while replacing, as what was
    replaced is then restored. `remove`: files to remove in the same step. Raises CmrError if they
    cannot be written.
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
            gone = [name for name in remove if name not in names and (Path(out) / name).is_file()]
            with _all_or_none(Path(out), scratch / _ASIDE) as put:
                # Folders first: the page and the summary refer to what is in them.
                for name in sorted(names, key=lambda name: "/" not in name):
                    put(name, scratch / name)
                for name in gone:
                    put(name, None)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise CmrError(f"no space left to write the report to {out}; nothing changed") from None
        raise CmrError(f"cannot write the report to {out}: {error.strerror or error}") from None
    return [str(Path(out) / name) for name in names]


@contextlib.contextmanager
def _all_or_none(out: Path, aside: Path) -> Iterator[Callable[[str, Path | None], None]]:
    """Yield a function that moves a file to a name below `out`, or removes it; errors undo it all.

    The previous files are in the folder `aside` meanwhile.
    """
    undo: list[Callable[[], object]] = []

    def put(name: str, new: Path | None) -> None:
        path, old = out / name, aside / name
        for folder in reversed(path.parents[: len(Path(name).parents) - 1]):
            if not folder.is_dir():
                folder.mkdir()
                undo.append(folder.rmdir)
        if os.path.lexists(path):
            old.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(path, old)
            except OSError:
                # Not every file system supports hard links.
                os.rename(path, old)
            undo.append(partial(os.replace, old, path))
        else:
            undo.append(partial(path.unlink, missing_ok=True))
        if new is not None:
            os.replace(new, path)
        else:
            path.unlink(missing_ok=True)

    try:
        yield put
    except BaseException:
        for step in reversed(undo):
            with contextlib.suppress(OSError):
                step()
        raise


def _refuse_other(path: Path) -> None:
    """Raise CmrError if a file would replace something else: a link, a pipe, a folder."""
    if os.path.lexists(path) and (path.is_symlink() or not path.is_file()):
        raise CmrError(f"cannot write the report: {path} is not a regular file; it is not replaced")
    if os.path.lexists(path.parent) and not path.parent.is_dir():
        raise CmrError(f"cannot write the report: {path.parent} is not a folder")


@contextlib.contextmanager
def _scratch(out: Path) -> Iterator[Path]:
    """A hidden temporary folder below `out`; removes killed processes' folders, too."""
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
            # Only if it is still empty, because nothing was written after all.
            with contextlib.suppress(OSError):
                out.rmdir()
