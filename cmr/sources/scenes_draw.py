"""The pictures of the embedded data set: coloured shapes on a 3 x 3 grid, drawn from a seed."""

from __future__ import annotations

import hashlib
import io
import math
import random
from dataclasses import dataclass
from functools import cached_property

from PIL import Image, ImageDraw

from cmr.errors import CmrError
from cmr.sources import scenes_words as words
from cmr.sources.scenes_words import Thing

SIZE = 64
# Drawn larger and scaled down, so that edges are smooth on every platform.
_SCALE = 4
TEST_SCENES = 1_000
TRAIN_SCENES = 20_000
_RGB = {
    "red": (214, 40, 40),
    "green": (44, 150, 60),
    "blue": (40, 80, 200),
    "yellow": (240, 210, 50),
    "purple": (130, 50, 160),
    "orange": (240, 130, 30),
    "white": (250, 250, 250),
    "black": (20, 20, 20),
    "grey": (128, 128, 128),
    "brown": (120, 85, 60),
    "pink": (245, 180, 195),
    "cyan": (150, 220, 225),
}


@dataclass(frozen=True)
class Scene:
    """One picture. `spec` has everything that captions can express: equal specs, equal scenes."""

    scene_id: str
    split: str
    background: str
    things: tuple[Thing, ...]

    @property
    def spec(self) -> str:
        """Background and objects with their cells, in the grid's order."""
        return _spec(self.background, self.things)

    @cached_property
    def captions(self) -> tuple[str, ...]:
        """Five different sentences."""
        return words.captions(self.things, self.background, self.spec)


def scenes(split: str, count: int | None = None, seed: int = 0) -> list[Scene]:
    """The first `count` scenes of a split, `train` or `test`; deterministic for a seed.

    A hash of the spec decides the split, so no scene is in both, and none occurs twice.
    """
    total = {"train": TRAIN_SCENES, "test": TEST_SCENES}.get(split)
    if total is None:
        raise CmrError(f"scenes has no split {split!r}; there are train and test")
    dice = random.Random(f"scenes {split} {seed}")
    found: dict[str, Scene] = {}
    while len(found) < min(count or total, total):
        background = dice.choice(words.BACKGROUNDS)
        things = _things(dice)
        spec = _spec(background, things)
        if spec in found or _split_of(spec) != split:
            continue
        found[spec] = Scene(f"{split}-{len(found):05d}", split, background, things)
    return list(found.values())


def render(scene: Scene) -> Image.Image:
    """Draw a scene: RGB, 64 x 64."""
    side = SIZE * _SCALE
    image = Image.new("RGB", (side, side), _RGB[scene.background])
    draw = ImageDraw.Draw(image)
    for thing in scene.things:
        x = (thing.column * 20 + 12 + thing.dx) * _SCALE
        y = (thing.row * 20 + 12 + thing.dy) * _SCALE
        _shape(draw, thing.shape, x, y, thing.radius * _SCALE, _RGB[thing.colour], scene.background)
    return image.resize((SIZE, SIZE), Image.Resampling.BOX)


def render_png(scene: Scene) -> bytes:
    """A scene as the bytes of a PNG file."""
    buffer = io.BytesIO()
    render(scene).save(buffer, "PNG")
    return buffer.getvalue()


def _things(dice: random.Random) -> tuple[Thing, ...]:
    cells = sorted(dice.sample(range(9), dice.choice((2, 3, 3, 4))))
    made = []
    for cell in cells:
        size = dice.choice(words.SIZES)
        made.append(
            Thing(
                dice.choice(words.SHAPES),
                dice.choice(words.COLOURS),
                size,
                cell // 3,
                cell % 3,
                dice.randint(-2, 2),
                dice.randint(-2, 2),
                dice.randint(5, 6) if size == "small" else dice.randint(9, 10),
            )
        )
    return tuple(made)


def _spec(background: str, things: tuple[Thing, ...]) -> str:
    parts = [f"{t.row}{t.column} {t.size} {t.colour} {t.shape}" for t in things]
    return ", ".join([background, *parts])


def _split_of(spec: str) -> str:
    return "test" if hashlib.sha256(spec.encode()).digest()[0] < 32 else "train"


def _shape(
    draw: ImageDraw.ImageDraw,
    shape: str,
    x: int,
    y: int,
    r: int,
    fill: tuple[int, int, int],
    background: str,
) -> None:
    if shape == "circle":
        draw.ellipse((x - r, y - r, x + r, y + r), fill)
    elif shape == "ring":
        draw.ellipse((x - r, y - r, x + r, y + r), fill)
        half = r // 2
        draw.ellipse((x - half, y - half, x + half, y + half), _RGB[background])
    elif shape == "square":
        s = r * 7 // 8
        draw.rectangle((x - s, y - s, x + s, y + s), fill)
    elif shape == "triangle":
        draw.polygon([(x, y - r), (x - r, y + r * 3 // 4), (x + r, y + r * 3 // 4)], fill)
    elif shape == "diamond":
        draw.polygon([(x, y - r), (x + r * 2 // 3, y), (x, y + r), (x - r * 2 // 3, y)], fill)
    elif shape == "cross":
        t = r // 3
        draw.rectangle((x - r, y - t, x + r, y + t), fill)
        draw.rectangle((x - t, y - r, x + t, y + r), fill)
    elif shape == "star":
        draw.polygon(_star(x, y, r), fill)
    else:
        h = r // 2
        draw.ellipse((x - r, y - r * 3 // 4, x, y + r // 4), fill)
        draw.ellipse((x, y - r * 3 // 4, x + r, y + r // 4), fill)
        draw.polygon([(x - r + h // 4, y), (x + r - h // 4, y), (x, y + r)], fill)


def _star(x: int, y: int, r: int) -> list[tuple[int, int]]:
    """The ten corners of a five-pointed star, on whole pixels."""
    corners = []
    for step in range(10):
        length = r if step % 2 == 0 else r * 0.45
        angle = math.pi * step / 5
        corners.append((round(x + length * math.sin(angle)), round(y - length * math.cos(angle))))
    return corners
