"""Thumbnails of a data set's visuals, read from where they are stored."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cmr.encode.quiet import quiet_decoders
from cmr.encode.unreadable import UnreadableError, one_item, read_item
from cmr.errors import CmrError, DamageWarning
from cmr.report.languages import Translate
from cmr.rows import Row

if TYPE_CHECKING:
    from PIL import Image

    from cmr.sources.collection import Collection, MediaReader

# Longest side in pixels; shown at half to two thirds of that, for high-resolution screens.
SIDE = 128
QUALITY = 55


def _origin(note: str) -> Mapping[str, Any]:
    """A warehouse's record of a data set's origin. Raises CmrError if it is damaged."""
    try:
        found = json.loads(note)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("source"), str):
        raise CmrError("the record of where they are is damaged")
    if not isinstance(found.get("arguments"), dict):
        raise CmrError("the record of where they are has none of their source's arguments")
    return found


def _tell(text: str) -> None:
    warnings.warn(text, DamageWarning, stacklevel=3)


class Pictures:
    """Thumbnails of one data set as data URIs, or the reason why there are none."""

    def __init__(self, data: Row, images: str | None, _: Translate) -> None:
        """`data`: the row of `datasets`. `images`: where the pictures are now, if they moved.

        Raises CmrError only for an `images` that cannot be opened.
        """
        self._ = _
        self.reason: str | None = None
        self.missing = 0
        self._reader: MediaReader | None = None
        self._hashes: Mapping[str, str | None] = {}
        self._clips = False
        if images is not None:
            from cmr.report.page.moved import MovedPictures

            self._reader = MovedPictures(images)
        elif data.get("media") is None:
            self.reason = _(
                "This data set was stored without pictures, or without a record of where they are."
            )
        else:
            self._open(data["dataset"], data["media"])

    def _open(self, dataset: str, note: str) -> None:
        """`note`: where a data set was read from, as the warehouse records it."""
        from cmr.sources.source_kinds import read_again

        try:
            found: Collection = read_again(_origin(note))
            if found.reader is None:
                raise CmrError(f"the recorded source {found.source!r} has only vectors")
        except (CmrError, OSError) as error:
            reason = str(error).rstrip(".")
            text = self._("The pictures can no longer be read: {reason}.")
            self.reason = text.format(reason=reason)
            _tell(f"the page is without the pictures of {dataset!r}: {reason}")
            return
        self._reader = found.reader
        self._clips = found.clips
        self._hashes = {item.item_id: item.content_hash for item in found.visuals}

    def data_uri(self, item: Row) -> str | None:
        """`small` as a data URI."""
        found = self.small(item)
        if found is None:
            return None
        return "data:image/webp;base64," + base64.b64encode(found).decode()

    def small(self, item: Row) -> bytes | None:
        """A small WebP of a row of `items`; None if it cannot be read, or has changed since."""
        if self._reader is None or not item["uri"]:
            return None
        try:
            data = read_item(self._reader, item["uri"])
            if not self._same(item, data):
                raise UnreadableError("the picture has changed")
            with quiet_decoders(), one_item():
                return self._shrunk(data)
        except (CmrError, OSError, UnreadableError) as error:
            if not self.missing:
                _tell(f"the page is without the picture {item['uri']!r} and perhaps more: {error}")
            self.missing += 1
            return None

    def _same(self, item: Row, data: bytes) -> bool:
        if item["content_hash"] is None:
            return True
        mine = self._hashes.get(item["item_id"]) or hashlib.sha256(data).hexdigest()
        return bool(mine == item["content_hash"])

    def _shrunk(self, data: bytes) -> bytes:
        image = self._frame(data)
        image.thumbnail((SIDE, SIDE))
        out = io.BytesIO()
        image.save(out, "WEBP", quality=QUALITY, method=4)
        return out.getvalue()

    def _frame(self, data: bytes) -> Image.Image:
        from cmr.encode.decode import decode
        from cmr.encode.frame_choice import read_clip

        if not self._clips:
            try:
                return decode(data)
            except UnreadableError:
                # If only a folder was named, it may contain clips.
                pass
        return read_clip(data, 1, "middle").frames[0]
