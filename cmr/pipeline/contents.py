"""The content of a collection's media: hashes before encoding, and what remains after rejects."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from cmr.encode.unreadable import UnreadableError, read_item
from cmr.errors import CmrError
from cmr.progressbar import ProgressBar
from cmr.sources.collection import Collection, Item, Judgment, MediaReader, Reject
from cmr.sources.phrases import counted
from cmr.sources.text import is_unicode

# A longer caption must be a misplaced file.
LONGEST_TEXT = 100_000


def sound_texts(collection: Collection) -> Collection:
    """The collection without captions that are enormous or not valid Unicode, and these as rejects.

    Raises CmrError if an id is not valid Unicode, or if no text is left.
    """
    for side in (collection.texts, collection.visuals):
        for item in side:
            if not is_unicode(item.item_id):
                raise CmrError(f"{collection.source}: the id {item.item_id!a} is not valid Unicode")
    rejects = []
    for item in collection.texts:
        text = item.text or ""
        if not is_unicode(text):
            rejects.append(Reject(item.item_id, "the caption is not valid Unicode"))
        elif len(text) > LONGEST_TEXT:
            reason = f"the caption has {len(text):,} characters, more than {LONGEST_TEXT:,}"
            rejects.append(Reject(item.item_id, reason))
    if not rejects:
        return collection
    bad = {reject.source_row for reject in rejects}
    texts = [item for item in collection.texts if item.item_id not in bad]
    bare = {row.visual_id for row in collection.judgments if row.text_id in bad}
    if not texts:
        raise CmrError(f"{collection.source}: no caption can be used; {rejects[0].reason}")
    return replace(
        collection,
        texts=texts,
        judgments=[row for row in collection.judgments if row.text_id not in bad],
        rejects=[*collection.rejects, *rejects],
        bare=collection.bare | bare,
    )


def without_bare(collection: Collection) -> tuple[Collection, list[Reject]]:
    """The collection without visuals that lost all their captions, and those visuals."""
    judged = {row.visual_id for row in collection.judgments}
    bare = collection.bare - judged
    what = "clip" if collection.clips else "picture"
    rejects = [
        Reject(item.uri or item.item_id, f"the {what} has no caption left")
        for item in collection.visuals
        if item.item_id in bare
    ]
    kept = [item for item in collection.visuals if item.item_id not in bare]
    return (replace(collection, visuals=kept) if rejects else collection), rejects


def hash_contents(
    collection: Collection, workers: int, bar: ProgressBar
) -> tuple[Collection, list[Reject]]:
    """The collection with a hash of every picture's bytes, and the missing pictures.

    If the source provides the hashes, nothing is read.
    """
    if collection.reader is None:
        raise ValueError("the collection has no media")
    if all(item.content_hash for item in collection.visuals):
        return collection, []
    kept, missing = hashed(
        collection.visuals, collection.reader, workers, bar, places=collection.places
    )
    return without(collection, [], kept), missing


def hashed(
    items: Sequence[Item],
    reader: MediaReader,
    workers: int,
    bar: ProgressBar,
    *,
    places: Mapping[str, str],
) -> tuple[list[Item], list[Reject]]:
    """The items with a hash of their bytes, and those that cannot be read.

    `places`: as of a `Collection`.
    """

    def read(item: Item) -> Item | Reject:
        if item.content_hash:
            return item
        try:
            digest = hashlib.sha256(read_item(reader, item.uri or "")).hexdigest()
        except UnreadableError as reason:
            place = places.get(item.uri or "")
            told = f", which {place} names" if place else ""
            return Reject(item.uri or item.item_id, f"{reason}{told}")
        return replace(item, content_hash=digest)

    kept: list[Item] = []
    missing: list[Reject] = []
    with ThreadPoolExecutor(workers) as pool, bar("reading", len(items), "files") as go:
        for found in pool.map(read, items):
            if isinstance(found, Item):
                kept.append(found)
            else:
                missing.append(found)
            go(1)
    return kept, missing


def without(collection: Collection, rejects: Sequence[Reject], kept: Sequence[Item]) -> Collection:
    """The collection with only the visuals `kept`, and the texts that still have a visual.

    Raises CmrError if no text is left.
    """
    visuals = {item.item_id for item in kept}
    judgments = [row for row in collection.judgments if row.visual_id in visuals]
    judged = {row.text_id for row in collection.judgments}
    left = {row.text_id for row in judgments}
    texts = [
        item for item in collection.texts if item.item_id in left or item.item_id not in judged
    ]
    if not left:
        raise CmrError(f"{collection.source}: no picture of any caption can be read")
    return replace(
        collection,
        texts=texts,
        visuals=list(kept),
        judgments=judgments,
        rejects=[*collection.rejects, *rejects],
    )


def same_contents(collection: Collection) -> Collection:
    """The collection with one visual per content, if its source's rows are pairs.

    The visual keeps the first id and gets the captions of all. In other sources, pictures with the
    same content stay separate, and a note says so.
    """
    first: dict[str, Item] = {}
    for item in collection.visuals:
        first.setdefault(item.content_hash or item.item_id, item)
    again = len(collection.visuals) - len(first)
    if not again:
        return collection
    what = "clip" if collection.clips else "picture"
    if not collection.merges:
        one, other = _twins(collection.visuals)
        note = (
            f"{counted(again, what)} {'has' if again == 1 else 'have'} the content of another "
            f"(for example {other!r} that of {one!r}); each counts as a separate visual, "
            "so a caption's other copies are wrong answers"
        )
        return replace(collection, notes=[*collection.notes, note])
    kept = {
        item.item_id: first[item.content_hash or item.item_id].item_id
        for item in collection.visuals
    }
    judgments: dict[tuple[str, str], Judgment] = {}
    for row in collection.judgments:
        pair = (row.text_id, kept[row.visual_id])
        before = judgments.get(pair)
        if before is None or before.relevance < row.relevance:
            judgments[pair] = replace(row, visual_id=pair[1])
    note = (
        f"{len(collection.visuals):,} {what}s are {len(first):,} different ones: those of one "
        "content are one visual with the captions of all"
    )
    return replace(
        collection,
        visuals=list(first.values()),
        judgments=list(judgments.values()),
        settings={**collection.settings, "merged": again},
        bare={kept.get(name, name) for name in collection.bare},
        notes=[*collection.notes, note],
    )


def _twins(items: Sequence[Item]) -> tuple[str, str]:
    """The ids of the first two items with the same content."""
    seen: dict[str, str] = {}
    for item in items:
        if item.content_hash in seen:
            return seen[item.content_hash], item.item_id
        seen[item.content_hash or item.item_id] = item.item_id
    raise ValueError("no two items have the same content")
