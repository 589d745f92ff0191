"""Thin pictures: the library's own pixels, to rounding, at a bound on memory; others untouched."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from open_clip import image_transform
from PIL import Image

from cmr.encode.openclip import preprocessing_of
from cmr.encode.thin import THIN, Preprocessing
from cmr.pipeline.bench.machine import forget_peak, peak_resident, resident


def open_clips(**options):
    transform = image_transform(is_train=False, mean=(0,) * 3, std=(1,) * 3, **options)
    return preprocessing_of(transform), lambda image: np.asarray(transform(image)) * 255


def transformers_clip():
    transformers = pytest.importorskip("transformers")
    from cmr.encode.transformers import preprocessing_of

    processor = transformers.CLIPImageProcessor(
        size={"shortest_edge": 36}, crop_size={"height": 32, "width": 32}, do_rescale=False,
        do_normalize=False,
    )  # fmt: skip
    return preprocessing_of(processor), lambda image: np.asarray(
        processor(images=image, return_tensors="np")["pixel_values"][0], float
    )


def transformers_siglip():
    transformers = pytest.importorskip("transformers")
    from cmr.encode.transformers import preprocessing_of

    processor = transformers.SiglipImageProcessor(
        size={"height": 32, "width": 32}, do_rescale=False, do_normalize=False
    )
    return preprocessing_of(processor), lambda image: np.asarray(
        processor(images=image, return_tensors="np")["pixel_values"][0], float
    )


WAYS = {
    "open_clip": lambda: open_clips(image_size=32),
    "open_clip, bilinear": lambda: open_clips(image_size=32, interpolation="bilinear"),
    "open_clip, oblong": lambda: open_clips(image_size=(32, 48)),
    "open_clip, squashed": lambda: open_clips(image_size=32, resize_mode="squash"),
    "transformers, CLIP": transformers_clip,
    "transformers, SigLIP": transformers_siglip,
}


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_the_same_pixels_without_the_rest(way):
    steps, prepare = WAYS[way]()
    rng = np.random.default_rng(3)
    for number in range(24):
        short = int(rng.integers(1, 60))
        long = int(rng.integers(THIN * short + 1, THIN * short + 900))
        # Smooth: in noise it shows which side is resized first, which torch and Pillow differ in.
        small = rng.integers(30, 220, (max(2, long // 8), 2, 3)).astype(np.uint8)
        picture = Image.fromarray(small).resize((short, long), Image.Resampling.BICUBIC)
        if number % 2:
            picture = picture.transpose(Image.Transpose.TRANSPOSE)
        spared = steps.spare(picture)
        assert max(spared.size) < max(picture.size) or max(picture.size) < 99
        difference = np.abs(prepare(spared) - prepare(picture))
        assert difference.max() <= 1.01
        assert (difference > 0.5).mean() < (0.05 if steps.pillow or steps.shortest else 0.4)


def test_others_are_untouched():
    steps = Preprocessing((32, 32), (32, 32), True, Image.Resampling.BICUBIC)
    for size in ((1, 1), (1, THIN), (THIN * 5, 5), (640, 480)):
        picture = Image.new("RGB", size)
        assert steps.spare(picture) is picture


@pytest.mark.parametrize("mode", ["shortest", "squash"])
@pytest.mark.skipif(sys.platform != "linux", reason="the peak cannot be reset elsewhere")
def test_memory_is_bounded(mode):
    """Beyond what an ordinary picture takes; without a bound, gigabytes."""
    transform = image_transform(336, is_train=False, resize_mode=mode)
    steps = preprocessing_of(transform)
    transform(Image.new("RGB", (640, 480)))
    forget_peak()
    before = resident()
    for size in ((1, 60000), (60000, 1), (1, 1), (65500, 3), (3, 65500)):
        assert transform(steps.spare(Image.new("RGB", size))).shape == (3, 336, 336)
    assert peak_resident() - before < 50 * 2**20
