"""The data sets of a warehouse that can be explored, each opened when it is first asked for."""

from __future__ import annotations

import threading
from functools import lru_cache

from cmr.errors import CmrError
from cmr.explore.query_model import Opening
from cmr.explore.searching import Explorer
from cmr.pipeline.judged_data import find_dataset, find_model
from cmr.report.languages import Translate
from cmr.report.page.pictures import Pictures
from cmr.rows import Row
from cmr.sources.collection import VISUAL
from cmr.warehouse.current import current_sets
from cmr.warehouse.schemas import DATASETS, EMBEDDING_SETS, RUNS
from cmr.warehouse.store import Store

# Thumbnails that are kept, of some kilobytes each.
THUMBNAILS = 5000


class Shelf:
    """A warehouse, only read."""

    def __init__(
        self, warehouse: Store, dataset: str | None, model: str | None, opening: Opening,
        images: str | None, _: Translate,
    ) -> None:  # fmt: skip
        """`dataset`, `model`: the only ones, None for all. `images`: where the pictures are now.

        Raises CmrError if there are none, and for names that do not exist.
        """
        self.warehouse, self._model, self._opening = warehouse, model, opening
        self._images, self._ = images, _
        self._only = None if dataset is None else str(find_dataset(warehouse, dataset)["dataset"])
        every = {row["dataset"] for row in current_sets(warehouse)}
        if self._only is not None:
            every &= {self._only}
        if not every:
            raise CmrError(
                "there are no vectors to explore; `cmr ingest` encodes a data set or reads vectors"
            )
        if not (names := self.names()):
            find_model(warehouse, find_dataset(warehouse, min(every)), model)
        if images is not None and len(names) > 1:
            raise CmrError("--images needs a single data set; choose one with --dataset")
        self._open: dict[str, tuple[object, Explorer]] = {}
        self._pictures: dict[str, Pictures] = {}
        self._lock = threading.Lock()
        self._thumbnail = lru_cache(THUMBNAILS)(self._small)

    def names(self) -> list[str]:
        """The data sets that have vectors."""
        return sorted(
            {
                row["dataset"]
                for row in current_sets(self.warehouse)
                if self._only in (None, row["dataset"]) and self._model in (None, row["model"])
            }
        )

    def opened(self, dataset: str | None, fresh: bool = False) -> Explorer:
        """A data set, or the first; `fresh`: as the warehouse is now, if it has changed.

        Raises CmrError if there is none with that name.
        """
        with self._lock:
            if dataset in self._open and not fresh:
                return self._open[str(dataset)][1]
            names = self.names()
            name = dataset or next(iter(names), "")
            if name not in names:
                raise CmrError(f"there is no data set {name!r} to explore")
            state = self._state(name)
            if name not in self._open or self._open[name][0] != state:
                row = find_dataset(self.warehouse, name)
                self._open[name] = state, Explorer(self.warehouse, row, self._model, self._opening)
            return self._open[name][1]

    def picture(self, dataset: str | None, item_id: str) -> bytes:
        """A small WebP of a visual item. Raises CmrError, with the reason, if there is none."""
        return self._thumbnail(dataset, item_id)

    def _small(self, dataset: str | None, item_id: str) -> bytes:
        data = self.opened(dataset).data
        place = data.find(VISUAL, item_id)
        if data.name not in self._pictures:
            self._pictures[data.name] = Pictures(data.row, self._images, self._)
        pictures = self._pictures[data.name]
        if pictures.reason is not None:
            raise CmrError(pictures.reason)
        found = None if place is None else pictures.small(data.item(VISUAL, place))
        if found is None:
            raise CmrError(self._("The picture can no longer be read, or has changed since."))
        return found

    def _state(self, name: str) -> object:
        """What changes when a data set's items, vectors or runs do."""
        tables: tuple[tuple[object, str], ...] = ()
        for table, key in ((DATASETS, "fingerprint"), (EMBEDDING_SETS, "set_id"), (RUNS, "run_id")):
            rows: list[Row] = self.warehouse.catalogue(table)
            tables += tuple((table.name, row[key]) for row in rows if row["dataset"] == name)
        return tables
