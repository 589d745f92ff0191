"""Where pictures are read from: a folder, a zip or a tar archive, here or in an object store."""

from __future__ import annotations

import posixpath
import threading
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from cmr.errors import CmrError
from cmr.sources.files import is_file, is_folder, is_url, join, open_file, read_file
from cmr.sources.tars import ENDINGS, LARGEST_MEMBER, TarReader


class FolderReader:
    """Files below one folder; a name that leads out of it is refused."""

    def __init__(self, folder: str) -> None:
        """Raises CmrError if there is no such folder."""
        if not is_folder(folder):
            raise CmrError(f"there is no folder {folder}")
        self._url = folder.rstrip("/") if is_url(folder) else None
        self._root = Path(folder).resolve()

    def read(self, uri: str) -> bytes:
        """The bytes of the file `uri`, relative to the folder."""
        if self._url is not None:
            name = posixpath.normpath(uri)
            if name.startswith(("/", "..")) or is_url(uri):
                raise PermissionError(f"{uri} leads out of {self._url}")
            return read_file(join(self._url, name))
        path = (self._root / uri).resolve()
        if not path.is_relative_to(self._root):
            raise PermissionError(f"{uri} leads out of {self._root}")
        return path.read_bytes()


class ZipReader:
    """Members of a zip archive, by their full name, or by their last part if that is unique."""

    def __init__(self, path: str) -> None:
        """Raises CmrError if the file is no zip archive."""
        try:
            self._archive = zipfile.ZipFile(open_file(path))
        except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise CmrError(f"{path} is not a readable zip archive: {error}") from None
        self._lock = threading.Lock()
        # By full name, which comes first, and by last part.
        self._names: dict[str, list[zipfile.ZipInfo]] = {}
        self._last: dict[str, list[zipfile.ZipInfo]] = {}
        for info in self._archive.infolist():
            self._names.setdefault(info.filename, []).append(info)
            self._last.setdefault(PurePosixPath(info.filename).name, []).append(info)

    def read(self, uri: str) -> bytes:
        """The bytes of a member.

        Raises FileNotFoundError if there is none, OSError if it is damaged or several have that
        name.
        """
        found = self._names.get(uri) or self._last.get(uri)
        if not found:
            raise FileNotFoundError(f"{uri} is not in the archive")
        if len(found) > 1:
            names = ", ".join(sorted({info.filename for info in found})[:3])
            raise OSError(f"{len(found)} files of the archive are called {names}")
        info = found[0]
        if info.file_size > LARGEST_MEMBER:
            raise OSError(f"{uri} has {info.file_size:,} bytes, too many for a picture or clip")
        try:
            # zipfile seeks in one shared file, so threads take turns. It reads no more than the
            # size that the archive states, so a member that is a bomb is an error.
            with self._lock:
                return self._archive.read(info)
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
            raise OSError(f"{uri} cannot be unpacked: {error}") from None
        except EOFError:
            raise OSError(f"{uri} is cut off") from None


def open_images(path: str) -> FolderReader | ZipReader | TarReader:
    """A reader for a folder, a zip or a tar file. Raises CmrError if it is none of them."""
    if is_folder(path):
        return FolderReader(path)
    if not is_file(path):
        raise CmrError(f"there is no folder, zip or tar file {path}")
    if path.lower().endswith(ENDINGS):
        return TarReader([path])
    return ZipReader(path)
