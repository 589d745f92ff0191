"""What a collection's media contain: hashes before encoding, and what is left after rejects."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from cmr.encode.unreadable import UnreadableError, read_item
from cmr.errors import CmrError
from cmr.pipeline.progressbar import ProgressBar
from cmr.sources.collection import Collection, Item, Reject

# A caption of more characters than this is a file that went astray.
LONGEST_TEXT = 100_000


def sound_texts(collection: Collection) -> Collection:
    """The collection without captions that are enormous or no Unicode, which are rejected.

    Raises CmrError if an id is no Unicode, or no text is left.
    """
    for side in (collection.texts, collection.visuals):
        for item in side:
            if not _is_unicode(item.item_id):
                raise CmrError(f"{collection.source}: the id {item.item_id!a} is not valid Unicode")
    rejects = []
    for item in collection.texts:
        text = item.text or ""
        if not _is_unicode(text):
            rejects.append(Reject(item.item_id, "the caption is not valid Unicode"))
        elif len(text) > LONGEST_TEXT:
            reason = f"the caption has {len(text):,} characters, more than {LONGEST_TEXT:,}"
            rejects.append(Reject(item.item_id, reason))
    if not rejects:
        return collection
    bad = {reject.source_row for reject in rejects}
    texts = [item for item in collection.texts if item.item_id not in bad]
    if not texts:
        raise CmrError(f"{collection.source}: no caption can be used; {rejects[0].reason}")
    return replace(
        collection,
        texts=texts,
        judgments=[row for row in collection.judgments if row.text_id not in bad],
        rejects=[*collection.rejects, *rejects],
    )


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def hash_contents(
    collection: Collection, workers: int, bar: ProgressBar
) -> tuple[Collection, list[Reject]]:
    """The collection with a hash of every picture's bytes, and the pictures that are missing.

    A source that knows its hashes gives them itself, and nothing is read.
    """
    reader = collection.reader
    if reader is None:
        raise ValueError("the collection has no media")
    if all(item.content_hash for item in collection.visuals):
        return collection, []

    def read(item: Item) -> Item | Reject:
        try:
            digest = hashlib.sha256(read_item(reader, item.uri or "")).hexdigest()
        except UnreadableError as reason:
            return Reject(item.uri or item.item_id, str(reason))
        return replace(item, content_hash=digest)

    kept: list[Item] = []
    missing: list[Reject] = []
    with (
        ThreadPoolExecutor(workers) as pool,
        bar("reading", len(collection.visuals), "files") as go,
    ):
        for found in pool.map(read, collection.visuals):
            if isinstance(found, Item):
                kept.append(found)
            else:
                missing.append(found)
            go(1)
    return without(collection, [], kept), missing


def without(collection: Collection, rejects: Sequence[Reject], kept: Sequence[Item]) -> Collection:
    """The collection with only the visuals `kept`, and the texts that still have one.

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
