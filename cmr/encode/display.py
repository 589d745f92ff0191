"""A decoded frame as a player shows it: scaled by its pixel aspect, then rotated and mirrored."""

from __future__ import annotations

import math
import struct
from fractions import Fraction
from typing import Any

from PIL import Image

from cmr.encode.unreadable import UnreadableError

# As for pictures: more pixels than this are an attack, or at least not a clip to search.
LARGEST_FRAME = 2**27
_QUARTERS = {
    1: Image.Transpose.ROTATE_270,
    2: Image.Transpose.ROTATE_180,
    3: Image.Transpose.ROTATE_90,
}
_IDENTITY = (1, 0, 0, 1)


def shown(frame: Any, pixel_aspect: Fraction | None) -> Image.Image:
    """A PyAV frame as an RGB picture, as a player shows it.

    `pixel_aspect`: a pixel's width divided by its height, by which the width is scaled. Raises
    UnreadableError if the scaled frame is too large, or empty.
    """
    width = round(frame.width * (pixel_aspect or 1))
    if width < 1 or width * frame.height > LARGEST_FRAME:
        raise UnreadableError(f"has frames shown at {width} x {frame.height}, which cannot be")
    image = frame.to_image()
    if width != image.width:
        image = image.resize((width, image.height), Image.Resampling.BICUBIC)
    return turned(image, *_matrix(frame))


def turned(image: Image.Image, a: float, b: float, c: float, d: float) -> Image.Image:
    """A picture under a display matrix: the pixel at (x, y) goes to (ax + cy, bx + dy).

    The eight combinations of quarter turns and mirroring only move pixels; other angles rotate
    about the centre, on black. The matrix's scale is ignored, and so is a singular matrix.
    """
    determinant = a * d - b * c
    if not determinant:
        return image
    if determinant < 0:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        a, b = -a, -b
    clockwise = math.degrees(math.atan2(b, a))
    quarters = round(clockwise / 90)
    if abs(clockwise - 90 * quarters) >= 1:
        return image.rotate(-clockwise, Image.Resampling.BICUBIC, expand=True)
    turn = _QUARTERS.get(quarters % 4)
    return image if turn is None else image.transpose(turn)


def _matrix(frame: Any) -> tuple[float, float, float, float]:
    """a, b, c and d of a frame's display matrix (ISO/IEC 14496-12, 6.2.2)."""
    found = frame.side_data.get("DISPLAYMATRIX")
    if found is None:
        return _IDENTITY
    matrix = struct.unpack("=9i", bytes(found)[:36])
    return matrix[0], matrix[1], matrix[3], matrix[4]
