"""Pictures of any depth as 8 bits per channel: which values are black and white."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from cmr.encode.unreadable import UnreadableError

# TIFF tags: bits per sample, whether zero is white, and the value range that a file states.
_BITS, _PHOTOMETRIC, _LEAST, _MOST = 258, 262, 340, 341
# Formats whose 16-bit pictures use all of their bits, by the mode in which Pillow loads them.
_SPAN_16 = {"I;16": {"PNG", "JPEG2000", "TIFF", "IM"}, "I": {"PNG", "PPM"}}
_ROWS = 256


def to_rgb(image: Image.Image) -> Image.Image:
    """A loaded picture as 8-bit RGB.

    Grey of 16 bits is divided by 257 (of 12 bits in a TIFF, by 4095 / 255) and rounded. Other
    numbers, 32-bit integers and floats, have a black and a white only where the file states them:
    a TIFF's SMinSampleValue and SMaxSampleValue, or floats that all lie in [0, 1]. Raises
    UnreadableError for those that state nothing, which Pillow would silently clip at 255.
    """
    if not image.mode.startswith(("I", "F")):
        return image.convert("RGB")
    short = image.format in _SPAN_16.get(image.mode[:4], ())
    grey = _short(image) if short else _long(image)
    if _tag(image, _PHOTOMETRIC) == 0:
        grey = 255 - grey
    return Image.fromarray(grey).convert("RGB")


def _short(image: Image.Image) -> npt.NDArray[np.uint8]:
    """Grey of up to 16 bits, (height, width)."""
    bits = _tag(image, _BITS)
    top = 4095 if bits == 12 else 65535
    levels = np.minimum((np.arange(65536) * 255 + top // 2) // top, 255).astype(np.uint8)
    values = np.asarray(image)
    if image.mode == "I":
        values = values.clip(0, 65535)
    found: npt.NDArray[np.uint8] = levels[values]
    return found


def _long(image: Image.Image) -> npt.NDArray[np.uint8]:
    """Grey of 32-bit integers or floats, (height, width), by the range that the file states."""
    values = np.asarray(image)
    least, most = float(values.min()), float(values.max())
    low, high = _tag(image, _LEAST), _tag(image, _MOST)
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        low, high = (0.0, 1.0) if image.mode == "F" else (0.0, 0.0)
    if not (low < high and low <= least and most <= high):
        kind = "floats" if image.mode == "F" else "integers"
        raise UnreadableError(
            f"holds {kind} from {least:g} to {most:g}, and does not say which are black and white"
        )
    grey = np.empty(values.shape, np.uint8)
    for at in range(0, len(values), _ROWS):
        share = (values[at : at + _ROWS].astype(np.float64) - low) / (high - low)
        grey[at : at + _ROWS] = np.floor(share * 255 + 0.5)
    return grey


def _tag(image: Image.Image, number: int) -> Any:
    """A TIFF tag, the first of several values; None in other formats."""
    value = getattr(image, "tag_v2", {}).get(number)
    return value[0] if isinstance(value, tuple) and value else value
