"""A warehouse in Python: `cmr.open("warehouse")`."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

from cmr.api.keywords import EmbeddingsKeywords, EvaluateKeywords, keywords_of
from cmr.api.result import Result
from cmr.progressbar import ProgressBar, no_bar
from cmr.warehouse.store import Store

if TYPE_CHECKING:
    import duckdb
    import numpy.typing as npt
    import pyarrow as pa

    from cmr.api.embeddings import Embeddings
    from cmr.api.gate import Gated
    from cmr.pipeline.evaluate import Evaluated
    from cmr.pipeline.imported_runs import StoredRun
    from cmr.pipeline.ingest import Ingested

Params = Sequence[Any] | dict[str, Any]


def open_warehouse(path: str | PathLike[str] = "warehouse", *, create: bool = False) -> Warehouse:
    """Open the warehouse at a folder or URL; with `create` it is created if there is none.

    Raises CmrError if there is none, or if it has another format.
    """
    root = fspath(path)
    return Warehouse(Store.create(root) if create else Store.open(root))


class Warehouse:
    """An open warehouse. It holds no connection and no data: every call sees the current state.

    Every method raises CmrError, with one clear sentence, for what does not exist or cannot be
    done. `bar`, where a method takes it, reports progress; by default nothing is shown.
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

        It sees the warehouse as it is now; for later commits open another. It is not limited to
        reading. `memory`: bytes that it may take, by default half of the machine's; what needs
        more spills to the temporary folder.
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
        """Query the tables and views in SQL, as `cmr sql`; nothing can be changed.

        `params`: values for `?` or `$name`. `tables`: frames or Arrow tables by the names that the
        query uses. `sandbox`: the query can read only the warehouse's files. `memory` as for
        `connect`.
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
        """The same as a stream of Arrow batches of about `rows` rows, for results beyond memory.

        The reader raises CmrError if the query fails midway.
        """
        from cmr.api.query import stream_query

        con = self._with(tables, memory)
        return stream_query(con, query, self.store, bar, params, rows, sandbox)

    def _with(self, tables: dict[str, Any], memory: int | None) -> duckdb.DuckDBPyConnection:
        from cmr.views import connect

        # The views are bound to the warehouse later, when it is known what the query reads.
        con = connect(self.root, "", memory=memory)
        for name, table in tables.items():
            con.register(name, table.arrow() if isinstance(table, Result) else table)
        return con

    def runs(self, given: str | None = None, *, dataset: str | None = None) -> Result:
        """The runs, one row each, ordered by settings: all, or those named by the start of an id or
        by settings such as `dim=512,precision=fp16`.
        """
        import pyarrow as pa

        from cmr.api.select import listed
        from cmr.warehouse.schemas import RUNS

        return Result(pa.Table.from_pylist(listed(self.store, given, dataset), schema=RUNS.schema))

    @keywords_of(EmbeddingsKeywords)
    def embeddings(self, asked: EmbeddingsKeywords) -> Embeddings:
        """One stored set of vectors; `modality` is "text" or "visual".

        Data set and model may be left out where there is only one. Everything else defaults to the
        native dimension, method native, fp32, quantizer absmax, where there is such a set.
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
        """Read a data set, as `cmr ingest SOURCE` does, with its options as keywords.

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

        `truth`: (N,) the row of each text's visual, or (pairs, 2) rows of both. Without it text
        i belongs to visual i.
        """
        from cmr.api.ingestion import ingest_arrays

        return ingest_arrays(self.root, texts, visuals, truth, dataset, model, text_ids, visual_ids)

    def ingest_run(
        self,
        file: str | PathLike[str],
        name: str,
        *,
        dataset: str | None = None,
        form: str | None = None,
        part: str | None = None,
        direction: str | None = None,
        qrels: str = "default",
    ) -> StoredRun:
        """Store ranked lists of any system as a run whose model is `name`, as `cmr ingest run`.

        The result has `run_id`, `new`, and how many queries have no list (`empty`).
        """
        from cmr.pipeline.imported_runs import ingest_run
        from cmr.sources.runlists import read_run

        rows = read_run(fspath(file), form, part)
        return ingest_run(self.root, dataset, name, rows, direction, qrels)

    @keywords_of(EvaluateKeywords)
    def evaluate(self, asked: EvaluateKeywords) -> Evaluated:
        """Count every query's ranks and store them, as `cmr evaluate` does, with its options.

        Several values are a sequence, or a text with commas. `dims`, `precisions` default to the
        published grid and native fp32. Finished runs are not scored again. The result has
        `run_ids`, `scored` (those scored now), `dataset`, `model` and `seconds`;
        `metrics(done.run_ids)` has the figures.
        """
        from cmr.pipeline.each_request import evaluate_each, together
        from cmr.pipeline.evaluate import evaluate

        done = evaluate_each(self.root, asked, lambda one: evaluate(self.root, one, asked.bar))
        return together(done)

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
        dim_method, precision, quantizer, scorer. Any K, and any C of protocol="expected", works,
        whether or not it was requested before.
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
        by: str | None = None,
        measure: str = "recall",
    ) -> Result:
        """Compare runs b with run a on the same queries, as `cmr compare`: one row per measure.

        `by`: an attribute, such as "category": one row per slice, by one `measure`, with `p_holm`
        over the slices, and `p_differ`, whether they differ from each other. `pools`: the protocol,
        such as "expected"; "grouped" compares runs that rank visuals by the best of their captions.

        A run is the start of its id, or settings: "dim=512,precision=fp16". `difference` is
        b - a, its interval paired by query and clustered by visual item; `p_holm` is corrected
        over all rows. `run_a` and `run_b` are the ids. A run that was only scored on what it was
        learnt from is compared with other runs only with `in_sample`.
        """
        from cmr.api.comparison import ComparedBy, as_table, compare_runs

        how = ComparedBy(pools, k, everything, in_sample)
        if by is not None:
            from cmr.api.slices import compare_slices

            return Result(as_table(compare_slices(self.store, a, b, by, measure, how)))
        return Result(as_table(compare_runs(self.store, a, b, how)))

    def gate(
        self,
        baseline: str | PathLike[str],
        candidate: str | None = None,
        *,
        margin: float = 0.005,
        measures: Sequence[str] | str = "recall",
        k: int = 10,
        by: str | None = None,
        in_sample: bool = False,
    ) -> list[Gated]:
        """Whether runs are sure to lose no more than a margin against a baseline, as `cmr gate`.

        One result per direction and measure, with `outcome` ("pass", "fail" or "undecided"), `why`,
        `queries` that would decide, and `row`, the row of `compare`. `baseline`: a run or a file.
        `by`: also one per slice by this attribute.
        """
        from cmr.api.gate import GatedBy, gate
        from cmr.pipeline.option_values import Text, parse_many

        how = GatedBy(margin, parse_many(Text(), measures), k, in_sample, by)
        return gate(self.store, fspath(baseline), candidate, how)

    def recommend(
        self,
        retain: float = 0.99,
        *,
        dataset: str | Sequence[str] | None = None,
        model: str | Sequence[str] | None = None,
        qrels: str | None = None,
        k: int = 10,
        by: str | None = None,
        bar: ProgressBar = no_bar,
    ) -> Result:
        """The fewest bytes per vector that keep a share of the baseline's quality, by measure.

        `dim`, `dim_method`, `precision` describe the smallest whose interval lies above the share,
        `point_…` the smallest whose estimate does. `smallest` is the one that keeps every measure
        in every direction. Across models: `sql("from recommend(across := true)")`. `by`: an
        attribute, in every slice of which the share has to be kept (`worst_slice`, `undecided`).
        """
        from cmr.api.recommendation import as_table, choose
        from cmr.pipeline.option_values import Text, parse_many

        datasets, models = parse_many(Text(), dataset), parse_many(Text(), model)
        if by is not None:
            from cmr.api.slices import chosen_table, sure_in_every_slice

            found = sure_in_every_slice(self.store, by, retain, datasets, models, qrels, k)
            return Result(chosen_table(found))
        return Result(as_table(choose(self.store, retain, datasets, models, qrels, k, bar)[0]))
