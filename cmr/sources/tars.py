"""Members of tar archives, read where they lie; nothing is ever unpacked."""

from __future__ import annotations

import os
import tarfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from cmr.errors import CmrError

# A picture or clip larger than this is no sample of a data set.
LARGEST_MEMBER = 2**31


@dataclass(frozen=True)
class Member:
    """A file inside an archive: which archive, its name, where its bytes are."""

    archive: int
    name: str
    offset: int
    size: int


class TarReader:
    """Plain files of one or more uncompressed tar archives, by name.

    `uri` is the member's name; among several archives `NUMBER:NAME`, by the archive's place.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        """Index the archives. Raises CmrError, naming the file, if one is no tar archive."""
        self.paths = list(paths)
        self.members: list[Member] = []
        for number, path in enumerate(self.paths):
            self.members += _index(number, path)
        self._files = [os.open(path, os.O_RDONLY) for path in self.paths]
        self._by_uri = {self.uri(member): member for member in self.members}
        self._lock = threading.Lock()

    def uri(self, member: Member) -> str:
        """What `read` knows a member by."""
        return member.name if len(self.paths) == 1 else f"{member.archive}:{member.name}"

    def read(self, uri: str) -> bytes:
        """The bytes of a member. Raises FileNotFoundError if there is none."""
        member = self._by_uri.get(uri)
        if member is None:
            raise FileNotFoundError(f"{uri} is not in the archive")
        if member.size > LARGEST_MEMBER:
            raise OSError(f"{uri} has {member.size:,} bytes, too many for a picture or clip")
        data = os.pread(self._files[member.archive], member.size, member.offset)
        if len(data) != member.size:
            raise OSError(f"{uri} is cut off")
        return data


def _index(number: int, path: str) -> list[Member]:
    """Links, devices and folders are left out: only plain files are samples."""
    try:
        with tarfile.open(path, "r:") as archive:
            return [
                Member(number, info.name, info.offset_data, info.size)
                for info in archive
                if info.isreg()
            ]
    except FileNotFoundError:
        raise CmrError(f"there is no file {path}") from None
    except (OSError, tarfile.TarError, UnicodeError) as error:
        raise CmrError(f"{path} is not a readable, uncompressed tar archive: {error}") from None
