"""Pictures that are elsewhere now, found by the names under which they were stored."""

from __future__ import annotations

import functools
import os
import posixpath
from pathlib import Path

from cmr.sources.images import FolderReader, open_images
from cmr.sources.names import SeveralFitError, spelt
from cmr.sources.user_files import is_url


class MovedPictures:
    """Reads a stored location below a new place: by its whole name, else by the end of it.

    clip-retrieval stores absolute paths: of `/data/laion/00001/000010042.jpg`, the file with the
    longest end in common is meant, at least `000010042.jpg`. Two that are as good are neither.
    """

    def __init__(self, images: str) -> None:
        """`images`: a folder, a zip or a tar file. Raises CmrError if it is none of these."""
        self._reader = open_images(images)
        self._folder = images if not is_url(images) else None

    def read(self, uri: str) -> bytes:
        """The bytes of what was stored as `uri`. Raises OSError if there is no such file."""
        try:
            return self._reader.read(uri)
        except OSError:
            parts = spelt(uri).strip("/").split("/")
            name = self._by_end(parts)
        if name is None:
            raise FileNotFoundError(f"no file there is called {parts[-1]}")
        return self._reader.read(name)

    def _by_end(self, parts: list[str]) -> str | None:
        if isinstance(self._reader, FolderReader) and self._folder is not None:
            there = self._by_name.get(parts[-1], ())
        else:
            # An archive is looked up by ends of names already.
            ends = ("/".join(parts[start:]) for start in range(1, len(parts)))
            found = (self._reader.locate(end) for end in ends)
            return next((name for name in found if name is not None), None)
        if not there:
            return None
        shared = {name: _in_common(spelt(name).split("/"), parts) for name in there}
        best = [name for name, count in shared.items() if count == max(shared.values())]
        if len(best) > 1:
            raise SeveralFitError(f"it may be {' or '.join(sorted(best)[:3])}")
        return best[0]

    @functools.cached_property
    def _by_name(self) -> dict[str, list[str]]:
        """Files of the folder, at any depth, by their name without folders."""
        found: dict[str, list[str]] = {}
        root = str(self._folder)
        for folder, _folders, files in os.walk(root):
            below = Path(folder).relative_to(root).as_posix()
            for name in files:
                found.setdefault(spelt(name), []).append(posixpath.join(below, name))
        return found


def _in_common(a: list[str], b: list[str]) -> int:
    """How many last parts are the same."""
    count = 0
    for one, other in zip(reversed(a), reversed(b), strict=False):
        if one != other:
            break
        count += 1
    return count
