"""What every source returns: items of both sides, judgments, and media or vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from cmr.errors import CmrError
from cmr.sources.text import is_unicode

TEXT = "text"
VISUAL = "visual"


@dataclass(frozen=True)
class Item:
    """A text or a visual. `item_id` is unique on its side of the data set.

    `text`: a caption, for texts. `uri`: where a visual's bytes are, as its reader knows it.
    `attributes`: names and values of what else the source says; several values of a name are pairs.
    """

    item_id: str
    text: str | None = None
    uri: str | None = None
    split: str | None = None
    width: int | None = None
    height: int | None = None
    content_hash: str | None = None
    duration: float | None = None
    attributes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Judgment:
    """A relevance judgment; `relevance` is at least 1."""

    text_id: str
    visual_id: str
    relevance: int = 1


@dataclass(frozen=True)
class Reject:
    """What was left out, and why."""

    source_row: str
    reason: str


class MediaReader(Protocol):
    """Reads the bytes of a visual; usable from several threads at once."""

    def read(self, uri: str) -> bytes:
        """The bytes at `uri`. Raises OSError or KeyError if there are none."""


@dataclass(frozen=True)
class Collection:
    """A data set as a source describes it.

    `source`: the format's name. `settings`: its arguments, as JSON values. Either `reader` is
    given, and items are encoded, or `vectors`: (modality, dim) -> (n, dim) floats, where row i
    belongs to item i. `clips`: whether the visuals are videos. `origin`: how to read it again, the
    source's name and arguments, as `source_kinds.read` records them. `merges`: whether a row is a
    pair, so that pictures with the same content are one visual. `notes`: sentences for the user
    about what was decided for them. `places`: where the name of a possibly missing file comes from,
    by uri. `lost`: what was lost to a damaged archive, which counts like unreadable visuals.
    `bare`: ids of visuals with a rejected caption; one without another caption is rejected, too,
    while one that never had a caption stays.
    """

    source: str
    texts: Sequence[Item]
    visuals: Sequence[Item]
    judgments: Sequence[Judgment]
    settings: Mapping[str, Any]
    reader: MediaReader | None = None
    vectors: Mapping[tuple[str, int], npt.NDArray[np.floating[Any]]] = field(default_factory=dict)
    rejects: Sequence[Reject] = ()
    clips: bool = False
    origin: Mapping[str, Any] | None = None
    merges: bool = False
    notes: Sequence[str] = ()
    places: Mapping[str, str] = field(default_factory=dict)
    lost: Sequence[Reject] = ()
    bare: AbstractSet[str] = frozenset()


def check(collection: Collection) -> None:
    """Reject a collection without pairs, with repeated ids, or with judgments of unknown items.

    Raises CmrError with the first fault, which may also be a text that is not valid Unicode.
    """
    for item in (*collection.texts, *collection.visuals):
        for what, told in (
            ("id", item.item_id), ("caption", item.text), ("place", item.uri), ("split", item.split)
        ):  # fmt: skip
            if told is not None and not is_unicode(told):
                of = "" if what == "id" else f" of {item.item_id!a}"
                raise CmrError(
                    f"{collection.source}: the {what} {told!a:.80}{of} is not valid Unicode"
                )
    for what, items in ((TEXT, collection.texts), (VISUAL, collection.visuals)):
        seen: set[str] = set()
        for item in items:
            if item.item_id in seen:
                raise CmrError(
                    f"{collection.source}: two {what} items have the id {item.item_id!r}"
                )
            seen.add(item.item_id)
    texts = {item.item_id for item in collection.texts}
    visuals = {item.item_id for item in collection.visuals}
    pairs: set[tuple[str, str]] = set()
    for judgment in collection.judgments:
        pair = (judgment.text_id, judgment.visual_id)
        if judgment.text_id not in texts or judgment.visual_id not in visuals:
            raise CmrError(f"{collection.source}: a judgment names unknown items {pair}")
        if pair in pairs:
            raise CmrError(f"{collection.source}: the pair {pair} is judged twice")
        pairs.add(pair)
    if not pairs:
        raise CmrError(f"{collection.source}: no text has a relevant visual")


def check_max_rejects(share: float) -> None:
    """Raise CmrError if the share that may be left out is not a share, such as NaN."""
    if not 0 <= share <= 1:
        raise CmrError(f"--max-rejects is a share from 0 to 1, not {share}")


def shuffle_texts(collection: Collection, seed: int) -> Collection:
    """The same data with texts, their vectors and judgments in a seeded random order.

    The gallery keeps its order. Ids go with their texts, so results stay comparable.
    """
    generator = np.random.Generator(np.random.Philox(key=seed))
    order = generator.permutation(len(collection.texts))
    place = {collection.texts[old].item_id: new for new, old in enumerate(order)}
    judgments = sorted(collection.judgments, key=lambda judgment: place[judgment.text_id])
    vectors = {
        key: array[order] if key[0] == TEXT else array for key, array in collection.vectors.items()
    }
    return replace(
        collection,
        texts=[collection.texts[old] for old in order],
        judgments=judgments,
        settings={**collection.settings, "shuffle_queries": seed},
        vectors=vectors,
    )
