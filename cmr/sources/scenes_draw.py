"""The pictures of the embedded data set: coloured shapes on a 3 x 3 grid, drawn from a seed.

Scenes come in families: the same shapes in the same places and the same colours, but each time
another shape has another colour. A caption that names a shape with its colour is true of one of
them, as in Winoground (Thrush et al., 2022), and a model that knows only which words occur cannot
tell them apart.
"""

from __future__ import annotations

import hashlib
import io
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from PIL import Image, ImageDraw

from cmr.errors import CmrError
from cmr.sources import scenes_words as words
from cmr.sources.scenes_words import Thing

SIZE = 64
# Drawn larger and scaled down, so that edges are smooth on every platform.
_SCALE = 4
TEST_SCENES = 2_000
TRAIN_SCENES = 20_000
# Scenes that differ only in which shape has which colour.
FAMILY = 4
_RGB = {
    "red": (214, 40, 40),
    "green": (44, 150, 60),
    "blue": (40, 80, 200),
    "yellow": (240, 210, 50),
    "purple": (130, 50, 160),
    "orange": (240, 130, 30),
    "white": (250, 250, 250),
    "black": (20, 20, 20),
    "maroon": (120, 16, 40),
    "lime": (150, 220, 40),
    "navy": (24, 36, 110),
    "teal": (16, 130, 130),
    "grey": (128, 128, 128),
    "brown": (120, 85, 60),
    "pink": (245, 180, 195),
    "cyan": (150, 220, 225),
    "cream": (240, 230, 195),
    "lilac": (205, 185, 235),
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

    A hash of what a family shares decides the split, so no family is in both, and no scene occurs
    twice.
    """
    total = {"train": TRAIN_SCENES, "test": TEST_SCENES}.get(split)
    if total is None:
        raise CmrError(f"scenes has no split {split!r}; there are train and test")
    wanted = min(count or total, total)
    dice = random.Random(f"scenes {split} {seed}")
    found: dict[str, Scene] = {}
    while len(found) < wanted:
        background, things = dice.choice(words.BACKGROUNDS), _things(dice)
        family = {_spec(background, each): each for each in _family(things)}
        if _split_of(background, things) != split or family.keys() & found.keys():
            continue
        for spec, each in family.items():
            found[spec] = Scene(f"{split}-{len(found):05d}", split, background, each)
    return list(found.values())[:wanted]


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


def _family(things: tuple[Thing, ...]) -> Iterator[tuple[Thing, ...]]:
    """The same objects, their colours passed on from one to the next, again and again."""
    for step in range(FAMILY):
        passed = [things[(place + step) % len(things)].colour for place in range(len(things))]
        yield tuple(
            replace(thing, colour=colour) for thing, colour in zip(things, passed, strict=True)
        )


def _things(dice: random.Random) -> tuple[Thing, ...]:
    """Four or five objects, no two of a shape or of a colour."""
    cells = sorted(dice.sample(range(9), dice.choice((4, 5))))
    shapes, colours = dice.sample(words.SHAPES, len(cells)), dice.sample(words.COLOURS, len(cells))
    made = []
    for cell, shape, colour in zip(cells, shapes, colours, strict=True):
        size = dice.choice(words.SIZES)
        made.append(
            Thing(
                shape,
                colour,
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


def _split_of(background: str, things: tuple[Thing, ...]) -> str:
    """By what all scenes of a family have in common."""
    shared = _spec(background, tuple(replace(thing, colour="any") for thing in things))
    colours = " ".join(sorted(thing.colour for thing in things))
    digest = hashlib.sha256(f"{shared}, {colours}".encode()).digest()
    return "test" if digest[0] < 32 else "train"


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
    elif shape == "hexagon":
        s = r * 7 // 8
        h = r // 2
        draw.polygon(
            [
                (x - r, y),
                (x - h, y - s),
                (x + h, y - s),
                (x + r, y),
                (x + h, y + s),
                (x - h, y + s),
            ],
            fill,
        )
    elif shape == "moon":
        draw.ellipse((x - r, y - r, x + r, y + r), fill)
        cut = r * 2 // 3
        draw.ellipse((x - r + cut, y - r, x + r + cut, y + r), _RGB[background])
    elif shape == "bar":
        draw.rectangle((x - r, y - r // 3, x + r, y + r // 3), fill)
    elif shape == "arrow":
        draw.polygon([(x, y - r), (x - r, y), (x + r, y)], fill)
        draw.rectangle((x - r // 3, y, x + r // 3, y + r), fill)
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
