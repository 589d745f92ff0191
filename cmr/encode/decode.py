"""Picture bytes to a PIL image, as a viewer would show it."""

from __future__ import annotations

import io
import warnings

from PIL import Image, ImageOps, UnidentifiedImageError


def decode(data: bytes) -> Image.Image:
    """Decode to RGB, turned upright by its EXIF orientation.

    Greyscale, CMYK and palette pictures are converted; an alpha channel is dropped, as
    open_clip's own preprocessing does. Raises ValueError with the reason if the bytes are no
    whole picture, or one so large that it must be an attack.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data)) as image:
                upright = ImageOps.exif_transpose(image)
                return upright.convert("RGB")
    except UnidentifiedImageError:
        raise ValueError("not a picture in a known format") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise ValueError(f"too many pixels: {error}") from None
    except (OSError, SyntaxError, ValueError, IndexError, EOFError) as error:
        raise ValueError(f"does not decode: {error}") from None
