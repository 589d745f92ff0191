"""From a picture's bytes to a PIL image, as a viewer would show it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import cache
from typing import Any

from PIL import ExifTags, Image, UnidentifiedImageError

from cmr.encode.levels import to_rgb
from cmr.encode.unreadable import UnreadableError, one_item

# Formats that Pillow hands to a PostScript interpreter or to Windows, only recognises, or unpacks
# without a bound.
REFUSED = {"EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG", "FITS"}
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Markers of a JPEG's further pictures, and of EXIF in a JPEG or an AVIF.
_MARKS = (b"MPF\0", b"Exif")


def decode(data: bytes) -> Image.Image:
    """Decode to 8-bit RGB, rotated upright by EXIF orientation; of several frames, the first.

    Greyscale, CMYK, palette and deeper pictures are converted (`cmr.encode.levels`); an alpha
    channel is dropped, as in open_clip's own preprocessing. Raises UnreadableError, a ValueError,
    with the reason if the bytes are not a complete picture, or it is so large that it must be an
    attack.
    """
    with one_item():
        fault: Exception | None = None
        for look in _looks(data):
            try:
                return _decode(look)
            except Exception as error:
                fault = fault or error
        assert fault is not None
        raise fault


def _looks(data: bytes) -> Iterator[bytes]:
    """Yield the bytes, then, in case data beside the picture is what fails, without that data."""
    yield data
    for mark in _MARKS:
        if mark in data:
            data = data.replace(mark, bytes(len(mark)))
            yield data


def _decode(data: bytes) -> Image.Image:
    try:
        with Image.open(io.BytesIO(data), formats=_formats()) as image:
            _refuse_size(image)
            turn = _load(image)
            _refuse_size(image)
            shown = to_rgb(image)
            return shown if turn is None else shown.transpose(turn)
    except UnidentifiedImageError:
        raise UnreadableError("not a picture in a known format") from None
    except Image.DecompressionBombError as error:
        raise UnreadableError(f"too many pixels: {error}") from None


def _refuse_size(image: Image.Image) -> None:
    """Raise UnreadableError beyond Pillow's pixel limit, where Pillow itself only warns."""
    most = Image.MAX_IMAGE_PIXELS
    if most is not None and image.width * image.height > most:
        raise UnreadableError(f"too many pixels: {image.width:,} x {image.height:,}")


def _load(image: Image.Image) -> Image.Transpose | None:
    """Load the pixels; returns the operation that turns them upright.

    EXIF is only read, for its orientation, and never written, unlike in `ImageOps.exif_transpose`:
    a field that cannot be written back is no reason to reject a picture. Pillow rotates TIFFs
    itself while loading, so there everything but the orientation is removed first.
    """
    if image.format != "TIFF":
        image.load()
        return _TURNS.get(_orientation(image))
    exif = _exif(image)
    for tag in list(exif):
        if tag != ExifTags.Base.Orientation:
            del exif[tag]
    for name in ("exif", "xmp", "XML:com.adobe.xmp"):
        image.info.pop(name, None)
    image.load()
    return None


def _exif(image: Image.Image) -> Any:
    """What can be read of a picture's EXIF."""
    try:
        return image.getexif()
    except Exception:
        # On a second call, Pillow returns the fields that it had read before it failed.
        return image.getexif()


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8, of whatever type it was written; 1 if it cannot be read."""
    try:
        value = _exif(image).get(ExifTags.Base.Orientation, 1)
        return int(value[0] if isinstance(value, tuple | bytes) else value)
    except Exception:
        return 1


@cache
def _formats() -> tuple[str, ...]:
    Image.preinit()
    Image.init()
    return tuple(name for name in Image.ID if name not in REFUSED)
