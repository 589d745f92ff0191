"""A warehouse in Python: `cmr.open("warehouse")`."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

from cmr.api.keywords import EmbeddingsKeywords, EvaluateKeywords, keywords_of
from cmr.api.result import Result
from cmr.progressbar import ProgressBar, no_bar
from cmr.warehouse.store import Warehouse as Store

if TYPE_CHECKING:
    import duckdb
    import numpy.typing as npt
    import pyarrow as pa

    from cmr.api.embeddings import Embeddings
    from cmr.pipeline.evaluate import Evaluated
    from cmr.pipeline.ingest import Ingested

Params = Sequence[Any] | dict[str, Any]


def open_warehouse(path: str | PathLike[str] = "warehouse", *, create: bool = False) -> Warehouse:
    """The warehouse at a folder or URL; with `create` it is made if there is none.

    Raises CmrError if there is none, or it is of another format.
    """
    root = fspath(path)
    return Warehouse(Store.create(root) if create else Store.open(root))


class Warehouse:
    """An open warehouse. Holds no connection and no data: every call sees what is there then.

    Every method raises CmrError, with one clear sentence, for what does not exist or cannot be
    done. `bar`, where a method takes it, is told of progress; by default nothing is shown.
    """

    def __init__(self, store: Store) -> None:
        """Use `cmr.open`."""
        self.store = store

    @property
    def root(self) -> str:
        """The folder or URL."""
        return self.store.root

    def __repr__(self) -> str:
        return f"cmr.open({self.root!r})"

    def connect(self, *, memory: int | None = None) -> duckdb.DuckDBPyConnection:
        """A DuckDB connection of your own, in memory, with every view over this warehouse.

        It sees the warehouse as it is now: what is committed later, another connection sees. It is
        not held to reading. `memory`: bytes that it may take, by default half of what there
        is; what needs more spills to the temporary folder.
        """
        from cmr.views import connect

        return connect(self.root, memory=memory)

    def sql(
        self,
        query: str,
        params: Params | None = None,
        *,
        sandbox: bool = False,
        memory: int | None = None,
        bar: ProgressBar = no_bar,
        **tables: Any,
    ) -> Result:
        """Ask in SQL over the tables and views, as `cmr sql`; nothing can be changed.

        `params`: values for `?` or `$name`. `tables`: frames or Arrow tables by the name that the
        query calls them. `sandbox`: of all files the query reads the warehouse's alone. `memory`
        as for `connect`.
        """
        from cmr.api.query import run_query

        con = self._with(tables, memory)
        return Result(run_query(con, query, self.store, bar, params, sandbox))

    def stream(
        self,
        query: str,
        params: Params | None = None,
        *,
        rows: int = 65_536,
        sandbox: bool = False,
        memory: int | None = None,
        bar: ProgressBar = no_bar,
        **tables: Any,
    ) -> pa.RecordBatchReader:
        """The same as a stream of Arrow batches of about `rows` rows, for what memory cannot hold.

        The reader raises CmrError if the query fails on the way.
        """
        from cmr.api.query import stream_query

        con = self._with(tables, memory)
        return stream_query(con, query, self.store, bar, params, rows, sandbox)

    def _with(self, tables: dict[str, Any], memory: int | None) -> duckdb.DuckDBPyConnection:
        from cmr.views import connect

        # What the query reads is bound to the warehouse when it is known.
        con = connect(self.root, "", memory=memory)
        for name, table in tables.items():
            con.register(name, table.arrow() if isinstance(table, Result) else table)
        return con

    def runs(self, given: str | None = None, *, dataset: str | None = None) -> Result:
        """The runs: all, or those meant by the start of an id or by settings such as
        `dim=512,precision=fp16`; a row each, by settings.
        """
        import pyarrow as pa

        from cmr.api.select import listed
        from cmr.warehouse.schemas import RUNS

        return Result(pa.Table.from_pylist(listed(self.store, given, dataset), schema=RUNS.schema))

    @keywords_of(EmbeddingsKeywords)
    def embeddings(self, asked: EmbeddingsKeywords) -> Embeddings:
        """One stored set of vectors; `modality` is "text" or "visual".

        Data set and model are the only ones if not named; what else is not named is the native
        dimension, method native, fp32, quantizer absmax, where there is such a set.
        """
        from cmr.api.embeddings import Embeddings
        from cmr.api.set_selection import find_set

        return Embeddings(self.store, find_set(self.store, asked))

    def ingest(
        self,
        source: str,
        *,
        dataset: str | None = None,
        model_name: str | None = None,
        shuffle_queries: bool = False,
        seed: int = 42,
        bar: ProgressBar = no_bar,
        **given: Any,
    ) -> Ingested:
        """Read a data set, as `cmr ingest SOURCE`, with its options as keywords.

        `wh.ingest("npz", file="data.npz")`;
        `wh.ingest("coco", annotations="a.json", images="val", model="ViT-B-32", pretrained=…)`.
        """
        from cmr.api.ingestion import ingest_source

        return ingest_source(
            self.root, source, dataset, model_name, shuffle_queries, seed, bar, **given
        )

    def ingest_arrays(
        self,
        texts: npt.NDArray[Any],
        visuals: npt.NDArray[Any],
        truth: npt.NDArray[Any] | Sequence[int] | None = None,
        *,
        dataset: str,
        model: str,
        text_ids: Sequence[str] | None = None,
        visual_ids: Sequence[str] | None = None,
    ) -> Ingested:
        """Store vectors that are in memory: `texts` (N, d), `visuals` (M, d), float.

        `truth`: (N,) the row of each text's visual, or (pairs, 2) rows of both; without it text
        i belongs to visual i.
        """
        from cmr.api.ingestion import ingest_arrays

        return ingest_arrays(self.root, texts, visuals, truth, dataset, model, text_ids, visual_ids)

    @keywords_of(EvaluateKeywords)
    def evaluate(self, asked: EvaluateKeywords) -> Evaluated:
        """Count every query's ranks and store them, as `cmr evaluate`, with its options.

        Several values may be a sequence, or a text with commas. `dims`, `precisions`: without them
        those of the published grid, and native fp32 too. Finished runs are not scored again. The
        result has `run_ids`, `scored` (those scored now), `dataset`, `model` and `seconds`;
        `metrics(done.run_ids)` has the figures.
        """
        from cmr.pipeline.evaluate import evaluate

        return evaluate(self.root, asked, asked.bar)

    def metrics(
        self,
        runs: Sequence[str] | str | None = None,
        *,
        protocol: str | None = None,
        candidates: int | None = None,
        measure: str | None = None,
        k: int | None = None,
        bar: ProgressBar = no_bar,
        **settings: Any,
    ) -> Result:
        """Rows of the view `metrics`: value, interval, chance and lift.

        `runs`: ids, or their starts. `settings`: dataset, model, qrels, direction, dim,
        dim_method, precision, quantizer, scorer. Any K, and any C of protocol="expected",
        whether it was asked for before or not.
        """
        from cmr.api.metrics import measured

        chosen = [runs] if isinstance(runs, str) else runs
        return Result(measured(self.store, chosen, settings, protocol, candidates, measure, k, bar))

    def compare(
        self,
        a: str,
        *b: str,
        pools: str = "full",
        k: int = 10,
        everything: bool = False,
        in_sample: bool = False,
    ) -> Result:
        """Runs b against run a on the same queries, as `cmr compare`: a row a measure.

        A run is the start of its id, or settings: "dim=512,precision=fp16". `difference` is
        b - a, its interval paired by query and clustered by visual item; `p_holm` is corrected
        over all rows. `run_a` and `run_b` are the ids. A run that has only been scored on what it
        was learnt from is compared with others if `in_sample` says so.
        """
        from cmr.api.comparison import ComparedBy, as_table, compare_runs

        by = ComparedBy(pools, k, everything, in_sample)
        return Result(as_table(compare_runs(self.store, a, b, by)))

    def recommend(
        self,
        retain: float = 0.99,
        *,
        dataset: str | None = None,
        model: str | None = None,
        qrels: str | None = None,
        k: int = 10,
        bar: ProgressBar = no_bar,
    ) -> Result:
        """The fewest bytes a vector that keep a share of the baseline's quality, a row a measure.

        `dim`, `dim_method`, `precision` are of the smallest whose interval lies above the share,
        `point_…` of the smallest whose estimate does. `smallest` is the one that keeps every
        measure in every direction.
        """
        from cmr.api.recommendation import as_table, choose

        return Result(as_table(choose(self.store, retain, dataset, model, qrels, k, bar)))
