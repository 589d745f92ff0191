"""A data set as the page shows it: its items by ordinal, captions and judgments."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cmr.pipeline.derive import GALLERY
from cmr.pipeline.judged_data import load_judged_data
from cmr.pipeline.request import Request
from cmr.rows import Row
from cmr.score.judgments import Judged
from cmr.sources.collection import TEXT, VISUAL
from cmr.warehouse.schemas import ITEMS
from cmr.warehouse.store import Store

# The direction in which an item of a side asks.
WAY = {TEXT: "t2v", VISUAL: "v2t"}
# Characters of a caption that the page shows, and captions that it offers to begin with.
LONGEST = 400
OFFERED = 4


class ShownData:
    """One data set's items and its own judgments, read once."""

    def __init__(self, warehouse: Store, row: Row) -> None:
        """`row`: of `datasets`."""
        self.row, self.name = row, str(row["dataset"])
        loaded = load_judged_data(warehouse, row, Request(dataset=self.name))
        self.ids = loaded.ids
        self._judged: dict[str, Judged] = loaded.judged
        self._items = {side: _items(warehouse, row, side) for side in (TEXT, VISUAL)}

    def __len__(self) -> int:
        return sum(map(len, self.ids.values()))

    @cached_property
    def _places(self) -> dict[str, dict[str, int]]:
        return {
            side: {name: at for at, name in enumerate(ids.to_pylist())}
            for side, ids in self.ids.items()
        }

    def find(self, side: str, item_id: str) -> int | None:
        """An item's ordinal, or None if there is none with this id."""
        return self._places[side].get(item_id)

    def named_by(self, text: str) -> tuple[str, int] | None:
        """Side and ordinal of the item that a typed text is: its caption or its id."""
        same = pc.index(self._items[TEXT]["text"], pa.scalar(text, pa.string())).as_py()
        if same >= 0:
            return TEXT, same
        for side in (TEXT, VISUAL):
            if (at := self.find(side, text)) is not None:
                return side, at
        return None

    def item(self, side: str, ordinal: int) -> Row:
        """A row of `items`: item_id, text, uri and content_hash."""
        return {name: self._items[side][name][ordinal].as_py() for name in _COLUMNS}

    def card(self, side: str, ordinal: int) -> dict[str, Any]:
        """What the page shows of an item; a picture's text is its first caption."""
        row = self.item(side, ordinal)
        text = row["text"]
        if side == VISUAL and text is None:
            captions = self.relevant(VISUAL, ordinal)
            text = self.item(TEXT, min(captions))["text"] if captions else None
        return {"side": side, "id": row["item_id"], "text": text and text[:LONGEST]}

    def relevant(self, side: str, ordinal: int) -> set[int]:
        """The ordinals that are relevant to a stored query; empty if it has no judgments."""
        judged = self._judged.get(WAY[side])
        if judged is None:
            return set()
        start, end = judged.start[ordinal : ordinal + 2]
        return set(judged.item[start:end].tolist())

    def offered(self) -> list[str]:
        """A few captions to try, evenly from the whole data set; none where none is stored."""
        texts = self._items[TEXT]["text"]
        places = np.linspace(0, len(texts) - 1, OFFERED, dtype=int).tolist() if len(texts) else []
        found = [texts[at].as_py() for at in places]
        return list(dict.fromkeys(text[:LONGEST] for text in found if text))


_COLUMNS = ("item_id", "text", "uri", "content_hash")


def _items(warehouse: Store, row: Row, side: str) -> pa.Table:
    mine = [name for name in row["files"] if f"/modality={side}/" in name]
    table = warehouse.read(row, ITEMS, mine).sort_by("ordinal")
    return table.select(_COLUMNS).combine_chunks()


def gallery_of(side: str) -> str:
    """The side that an item of this one searches."""
    return GALLERY[WAY[side]]
