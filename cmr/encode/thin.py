"""Very elongated pictures: resize only the part that preprocessing keeps.

A picture of 1 x 60,000 pixels, a file of 200 bytes, becomes 224 x 13 million once its short side is
resized to 224; the centre crop then keeps only 224 x 224.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from PIL import Image

# Ratio of long to short side. All other pictures go through the library's own steps untouched.
THIN = 16
# Radius in pixels of the widest filter, Lanczos, at scale 1.
_REACH = 3


@dataclass(frozen=True)
class Preprocessing:
    """How a library resizes and crops, in (height, width).

    `shortest`: resized by the short side to cover `size`, then the centre `crop` is kept; else
    squashed to `size`. `resample`: the filter. `pillow`: whether Pillow resizes: one axis at a
    time, first the one that leaves fewer intermediate pixels; torch always starts with the width.
    """

    size: tuple[int, int]
    crop: tuple[int, int]
    shortest: bool
    resample: Image.Resampling
    pillow: bool = True

    def spare(self, image: Image.Image) -> Image.Image:
        """A picture that gives the same result, up to rounding, within a memory bound.

        It differs from the original only for thin pictures. If squashed, its long side is already
        resized. If cropped, it is the middle part, already resized, so the library's resizing
        leaves it unchanged and its crop finds the same pixels.
        """
        width, height = image.size
        if max(width, height) <= THIN * min(width, height):
            return image
        tall = height > width
        if self.shortest:
            return self._middle(image, tall)
        to = (width, self.size[0]) if tall else (self.size[1], height)
        return image.resize(to, self.resample)

    def _middle(self, image: Image.Image, tall: bool) -> Image.Image:
        short, long = sorted(image.size)
        across, along = (1, 0) if tall else (0, 1)
        new_short = self.size[across]
        # torchvision and transformers truncate; open_clip's own resizing to a rectangle rounds.
        oblong = self.size[0] != self.size[1]
        new_long = round(long / (short / new_short)) if oblong else int(new_short * long / short)
        kept = max(self.size[along], self.crop[along])
        # The libraries' rules for a half-pixel centre agree if a multiple of 4 is cropped.
        kept += (new_long - kept) % 4
        scale = long / new_long
        start = (new_long - kept) // 2 * scale
        end = start + kept * scale
        margin = math.ceil(_REACH * max(scale, 1)) + 1
        first, last = max(0, math.floor(start) - margin), min(long, math.ceil(end) + margin)
        part = image.crop((0, first, short, last) if tall else (first, 0, last, short))
        if tall and not (self.pillow and scale > 1):
            part = part.resize((new_short, part.height), self.resample)
        box = (start - first, end - first)
        if tall:
            part = part.resize((part.width, kept), self.resample, (0, box[0], part.width, box[1]))
        else:
            part = part.resize((kept, short), self.resample, (box[0], 0, box[1], short))
        return part.resize((new_short, kept) if tall else (kept, new_short), self.resample)
