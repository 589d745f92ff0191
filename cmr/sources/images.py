"""Where pictures are read from: a folder, a zip or a tar archive."""

from __future__ import annotations

import threading
import zipfile
from pathlib import Path, PurePosixPath

from cmr.errors import CmrError
from cmr.sources.tars import TarReader


class FolderReader:
    """Files below one folder; a name that leads out of it is refused."""

    def __init__(self, folder: str) -> None:
        """Raises CmrError if there is no such folder."""
        self._root = Path(folder).resolve()
        if not self._root.is_dir():
            raise CmrError(f"there is no folder {folder}")

    def read(self, uri: str) -> bytes:
        """The bytes of the file `uri`, relative to the folder."""
        path = (self._root / uri).resolve()
        if not path.is_relative_to(self._root):
            raise PermissionError(f"{uri} leads out of {self._root}")
        return path.read_bytes()


class ZipReader:
    """Members of a zip archive, by their full name, or by their last part if that is unique."""

    def __init__(self, path: str) -> None:
        """Raises CmrError if the file is no zip archive."""
        try:
            self._archive = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise CmrError(f"{path} is not a readable zip archive: {error}") from None
        self._lock = threading.Lock()
        self._names: dict[str, str] = {}
        repeated: set[str] = set()
        for name in self._archive.namelist():
            last = PurePosixPath(name).name
            if last in self._names:
                repeated.add(last)
            self._names[last] = name
        for last in repeated:
            del self._names[last]
        self._names.update({name: name for name in self._archive.namelist()})

    def read(self, uri: str) -> bytes:
        """The bytes of a member. Raises FileNotFoundError if there is none."""
        if uri not in self._names:
            raise FileNotFoundError(f"{uri} is not in the archive")
        # zipfile seeks in one shared file, so threads take turns.
        with self._lock:
            return self._archive.read(self._names[uri])


def open_images(path: str) -> FolderReader | ZipReader | TarReader:
    """A reader for a folder, a .zip or a .tar file. Raises CmrError if it is none of them."""
    if Path(path).is_dir():
        return FolderReader(path)
    if not Path(path).exists():
        raise CmrError(f"there is no folder or zip file {path}")
    if Path(path).suffix.lower() == ".tar":
        return TarReader([path])
    return ZipReader(path)
