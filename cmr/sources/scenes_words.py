"""What is in a scene of the embedded data set, and five captions for it."""

from __future__ import annotations

import random
from dataclasses import dataclass

SHAPES = (
    "circle", "square", "triangle", "star", "ring", "cross", "diamond", "heart", "hexagon", "moon",
    "bar", "arrow",
)  # fmt: skip
COLOURS = (
    "red", "green", "blue", "yellow", "purple", "orange", "white", "black", "maroon", "lime",
    "navy", "teal",
)  # fmt: skip
SIZES = ("small", "large")
BACKGROUNDS = ("grey", "brown", "pink", "cyan", "cream", "lilac")
COLUMNS = ("left", "middle", "right")
ROWS = ("top", "middle", "bottom")

# What each of a scene's captions is about, in their order.
KINDS = ("relation", "listing", "places", "background", "summary")

_COUNTS = {4: "four", 5: "five"}


@dataclass(frozen=True)
class Thing:
    """An object: what it is, its cell of the grid, and its offset and radius in pixels."""

    shape: str
    colour: str
    size: str
    row: int
    column: int
    dx: int
    dy: int
    radius: int


def captions(things: tuple[Thing, ...], background: str, seed: str) -> tuple[str, ...]:
    """Five different sentences, lower case; some name every object, some only a part."""
    dice = random.Random(seed)
    order = dice.sample(things, len(things))
    a, b = order[0], order[1]
    c, d = dice.sample(things, 2)
    relation, other = _relation(a, b, dice), _relation(c, d, dice)
    first = dice.choice(
        (
            f"{_with_size(a)} {relation} {_with_size(b)}",
            f"there is {_with_size(a)} {relation} {_with_size(b)}",
        )
    )
    second = dice.choice(
        (
            f"a picture of {_listing(order)}",
            f"{_COUNTS[len(things)]} shapes: {_listing(order)}",
            f"{_listing(order)} together in one picture",
        )
    )
    third = f"{_plain(c)} {_place(c)} and {_plain(d)} {_place(d)}"
    fourth = dice.choice(
        (
            f"on a {background} background, {_plain(d)} is {_relation(d, c, dice)} {_plain(c)}",
            f"{_plain(c)} is {other} {_plain(d)}, all on {background}",
        )
    )
    fifth = f"{_COUNTS[len(things)]} shapes on {background}, with {_with_size(b)} {_place(b)}"
    return first, second, third, fourth, fifth


def _article(words: str) -> str:
    return f"an {words}" if words[0] in "aeiou" else f"a {words}"


def _plain(thing: Thing) -> str:
    return _article(f"{thing.colour} {thing.shape}")


def _with_size(thing: Thing) -> str:
    return _article(f"{thing.size} {thing.colour} {thing.shape}")


def _listing(things: list[Thing]) -> str:
    names = [_plain(thing) for thing in things]
    return ", ".join(names[:-1]) + " and " + names[-1]


def _place(thing: Thing) -> str:
    row, column = ROWS[thing.row], COLUMNS[thing.column]
    if row == column == "middle":
        return "in the middle"
    if row == "middle":
        return f"on the {column}"
    if column == "middle":
        return f"at the {row}"
    return f"in the {row} {column}"


def _relation(a: Thing, b: Thing, dice: random.Random) -> str:
    """The position of `a` relative to `b`: one of the true relations."""
    found = []
    if a.column != b.column:
        found.append("left of" if a.column < b.column else "right of")
    if a.row != b.row:
        found.append("above" if a.row < b.row else "below")
    if a.row == b.row and abs(a.column - b.column) == 1:
        found.append("next to")
    return dice.choice(found)
