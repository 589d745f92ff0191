"""A file of every kind that Pillow and FFmpeg write here, and damaged copies of it."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from tests.clips import make_clip

SIZE = (24, 16)


def scene():
    """A picture that is the same under no turn and no mirror."""
    across, down = np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1]))
    pixels = np.stack([across * 10, down * 15, (across + down) * 6], axis=-1)
    return Image.fromarray(pixels.astype(np.uint8))


def saved(image, form, **options):
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def exif(orientation=6):
    found = Image.Exif()
    found[0x112], found[0x131], found[0x10F] = orientation, "a camera's software", "its maker"
    found.get_ifd(0x8769)[0x829A] = 0.01
    return found.tobytes()


def pictures():
    """Bytes by name."""
    plain = scene()
    deep = Image.fromarray(np.asarray(plain.convert("L")).astype(np.uint16) * 257)
    with_exif = {"exif": exif()}
    found = {
        "jpeg": saved(plain, "JPEG", **with_exif),
        "jpeg-progressive": saved(plain, "JPEG", progressive=True),
        "jpeg-cmyk": saved(plain.convert("CMYK"), "JPEG"),
        "mpo": saved(plain, "MPO", save_all=True, append_images=[plain], **with_exif),
        "png": saved(plain, "PNG", **with_exif),
        "png-16": saved(deep, "PNG"),
        "png-palette": saved(plain.quantize(16), "PNG", transparency=3),
        "png-animated": saved(plain, "PNG", save_all=True, append_images=[plain.rotate(180)]),
        "webp": saved(plain, "WEBP", **with_exif),
        "webp-lossless": saved(plain.convert("RGBA"), "WEBP", lossless=True),
        "avif": saved(plain, "AVIF", **with_exif),
        "gif": saved(plain, "GIF", save_all=True, append_images=[plain.rotate(180)]),
        "tiff": saved(plain, "TIFF", **with_exif),
        "tiff-float": saved(Image.fromarray(np.asarray(deep) / np.float32(65535)), "TIFF"),
        "tiff-16": saved(deep, "TIFF", compression="tiff_lzw"),
        "pgm-16": saved(deep, "PPM"),
        "jpeg2000-16": saved(deep, "JPEG2000"),
    }
    for kind in ("tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits"):
        found[f"tiff-{kind}"] = saved(plain, "TIFF", compression=kind)
    for kind in ("BMP", "ICO", "PPM", "DDS", "TGA", "JPEG2000", "PCX", "SGI", "ICNS", "IM", "DIB"):
        found[kind.lower()] = saved(plain, kind)
    found["tga-rle"] = saved(plain, "TGA", compression="tga_rle")
    found["spider"] = saved(Image.fromarray(np.asarray(deep) / np.float32(65535)), "SPIDER")
    found["msp"], found["xbm"] = (saved(plain.convert("1"), kind) for kind in ("MSP", "XBM"))
    return found


def clips():
    """Bytes by name."""
    colours = [(20 * n, 255 - 20 * n, 99) for n in range(12)]
    kinds = {
        "mp4": {"codec": "libx264"},
        "mp4-mpeg4": {"kind": "mp4", "rotated": True},
        "mov": {"codec": "mjpeg", "pixels": "yuvj420p"},
        "matroska": {"codec": "libx264"},
        "webm": {"codec": "libvpx"},
        "mpegts": {"codec": "mpeg2video"},
        "mpeg": {"codec": "mpeg1video"},
        "avi": {},
        "flv": {"codec": "flv"},
        "asf": {"codec": "wmv2"},
        "ogg": {"codec": "libvpx"},
        "h264": {"codec": "libx264"},
    }
    return {
        name: make_clip(colours, **{"kind": name, **options}) for name, options in kinds.items()
    }


def damaged(data, rng):
    """A copy with a few changes: bits, numbers, stretches repeated, left out or overwritten."""
    found = bytearray(data)
    for _ in range(int(rng.integers(1, 6))):
        if not found:
            break
        # Heads decide more than pixels.
        reach = len(found) if rng.random() < 0.5 else min(len(found), 400)
        at, size = int(rng.integers(reach)), int(rng.integers(1, 64))
        match int(rng.integers(7)):
            case 0:
                found[at] ^= 1 << int(rng.integers(8))
            case 1:
                found[at] = int(rng.choice([0, 1, 0x7F, 0x80, 0xFE, 0xFF]))
            case 2:
                number = int(rng.choice([0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF]))
                order = "big" if rng.random() < 0.5 else "little"
                found[at : at + 4] = number.to_bytes(4, order)
            case 3:
                found[at : at + size] = rng.bytes(size)
            case 4:
                found[at:at] = found[at : at + size]
            case 5:
                del found[at : at + size]
            case _:
                if rng.random() < 0.3:
                    del found[at:]
    return bytes(found)
