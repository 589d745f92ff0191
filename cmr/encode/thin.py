"""Pictures much longer than wide: only the part that preprocessing keeps is resized.

A picture of 1 x 60,000 pixels, a file of 200 bytes, has 13 million x 224 once its short side is
resized to 224, of which the centre crop then keeps 224 x 224.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from PIL import Image

# Long side by short side. All other pictures go through the library's own steps untouched.
THIN = 16
# Pixels that the widest filter, Lanczos, reaches to either side, at scale 1.
_REACH = 3


@dataclass(frozen=True)
class Preprocessing:
    """How a library resizes and crops, in (height, width).

    `shortest`: resized by the short side, to cover `size`, of which the centre `crop` is kept;
    else squashed to `size`. `resample`: the filter. `pillow`: whether Pillow resizes, one side at a
    time, first that which leaves fewer pixels between; torch always goes across first.
    """

    size: tuple[int, int]
    crop: tuple[int, int]
    shortest: bool
    resample: Image.Resampling
    pillow: bool = True

    def spare(self, image: Image.Image) -> Image.Image:
        """A picture of which the library makes the same, to rounding, within a bound on memory.

        Only of a thin one is it another. Squashed, the long side is resized first. Cropped, it is
        the middle, resized already: the library's resizing leaves it as it is, and its crop finds
        the same pixels.
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
        # torchvision and transformers cut off, open_clip's own resizing to an oblong rounds.
        oblong = self.size[0] != self.size[1]
        new_long = round(long / (short / new_short)) if oblong else int(new_short * long / short)
        kept = max(self.size[along], self.crop[along])
        # Their rules for the half pixel of a centre agree where a multiple of 4 is left out.
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
