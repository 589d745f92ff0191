"""A visual's captions as one text: paragraph retrieval, as of ActivityNet Captions and DiDeMo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cmr.errors import CmrError
from cmr.sources.collection import Collection, Item, Judgment
from cmr.sources.phrases import counted

# Ends the name of a data set that has none of its own, so that single captions keep theirs.
SUFFIX = "-paragraphs"


def joined(collection: Collection) -> Collection:
    """The collection with one text a visual: its captions in the source's order, with spaces.

    A text has its visual's id, and the attributes of all its captions. A caption of several visuals
    is part of each one's text, and a text of no visual stays as it is. Raises CmrError where there
    are no captions to join, or where such a text has a visual's id.
    """
    captions = {item.item_id: item for item in collection.texts}
    place = {name: number for number, name in enumerate(captions)}
    of: dict[str, list[str]] = {}
    grade: dict[str, int] = {}
    for one in collection.judgments:
        of.setdefault(one.visual_id, []).append(one.text_id)
        grade[one.visual_id] = max(grade.get(one.visual_id, 0), one.relevance)
    if not any(captions[name].text for mine in of.values() for name in mine):
        raise CmrError(f"{collection.source}: --paragraphs joins captions, and there are none")
    told = {name for mine in of.values() for name in mine}
    alone = [item for item in collection.texts if item.item_id not in told]
    texts = [
        _paragraph(
            item.item_id,
            [captions[name] for name in sorted(of[item.item_id], key=place.__getitem__)],
        )
        for item in collection.visuals
        if item.item_id in of
    ]
    for item in alone:
        if item.item_id in of:
            raise CmrError(
                f"{collection.source}: the text {item.item_id!r} belongs to no visual, and a "
                "paragraph would have its id, that of a visual"
            )
    note = f"{counted(len(told), 'caption')} joined to {counted(len(texts), 'paragraph')}"
    return replace(
        collection,
        texts=[*texts, *alone],
        judgments=[Judgment(item.item_id, item.item_id, grade[item.item_id]) for item in texts],
        settings={**collection.settings, "paragraphs": True},
        notes=[*collection.notes, note],
    )


def _paragraph(name: str, captions: Sequence[Item]) -> Item:
    """One text of several, with what is known of all of them."""
    every = dict.fromkeys(pair for item in captions for pair in item.attributes)
    return replace(
        captions[0],
        item_id=name,
        text=" ".join((item.text or "").strip() for item in captions),
        attributes=tuple(every),
    )
