"""`cmr ingest mteb`: BEIR's files and MTEB's Parquet, with graded judgments in either direction."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import cmr as package
from cmr.errors import CmrError
from cmr.sources.collection import check
from cmr.sources.mteb import read_mteb
from tests.clips import make_clip
from tests.sources.test_formats import PICTURES

IMAGES = {f"i{n}": data for n, data in enumerate(PICTURES.values())}
QUERIES = {"q0": "a dog", "q1": "sun", "q2": "never judged"}
GRADES = [("q0", "i0", 2), ("q0", "i1", 1), ("q0", "i2", 0), ("q1", "i2", 1)]


def lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def judgments(path, rows=GRADES):
    path.parent.mkdir(exist_ok=True)
    told = ["query-id\tcorpus-id\tscore", *("\t".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(told) + "\n")


def beir(folder):
    """As BEIR writes it, with pictures in a folder."""
    (folder / "photos").mkdir(parents=True)
    for name, data in IMAGES.items():
        (folder / f"photos/{name}.png").write_bytes(data)
    lines(folder / "corpus.jsonl", [{"_id": n, "image": f"photos/{n}.png"} for n in IMAGES])
    lines(folder / "queries.jsonl", [{"_id": n, "text": t} for n, t in QUERIES.items()])
    judgments(folder / "qrels/test.tsv")
    judgments(folder / "qrels/dev.tsv", [("q2", "i0", 1)])


def mteb(folder, visual="corpus", column="image", media=IMAGES, subset=""):
    """As `datasets` writes MTEB's, where every modality is a column and most are empty."""
    other = "queries" if visual == "corpus" else "corpus"
    names = list(media)
    halves = [names[:2], names[2:]]
    for part, half in enumerate(halves):
        table = pa.table(
            {
                "id": half,
                "text": pa.nulls(len(half), pa.string()),
                column: [{"bytes": media[name], "path": None} for name in half],
            }
        )
        path = folder / f"{subset}{visual}/test-{part:05d}-of-00002.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path)
    empty = pa.nulls(len(QUERIES), pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    texts = {"id": list(QUERIES), "text": list(QUERIES.values()), column: empty}
    (folder / f"{subset}{other}").mkdir()
    pq.write_table(pa.table(texts), folder / f"{subset}{other}/test-00000-of-00001.parquet")
    rows = [row if visual == "corpus" else (row[1], row[0], row[2]) for row in GRADES]
    columns = zip(*rows, strict=True)
    table = pa.table(dict(zip(("query-id", "corpus-id", "score"), map(list, columns), strict=True)))
    (folder / f"{subset}qrels").mkdir()
    pq.write_table(table, folder / f"{subset}qrels/test-00000-of-00001.parquet")


def test_further_columns_are_attributes(tmp_path):
    """Of both sides and both layouts; what is empty, packed, or the text itself is none."""
    beir(tmp_path / "a")
    pictures = [
        {"_id": n, "image": f"photos/{n}.png", "source": "web", "tags": ["x", n]} for n in IMAGES
    ]
    lines(tmp_path / "a/corpus.jsonl", pictures)
    asked = [{"_id": n, "text": t, "lang": "en"} for n, t in QUERIES.items()]
    lines(tmp_path / "a/queries.jsonl", asked)
    found = read_mteb(str(tmp_path / "a"))
    assert [one.attributes for one in found.texts] == [(("lang", "en"),)] * 2
    wanted = [(("source", "web"), ("tags", "x"), ("tags", n)) for n in IMAGES]
    assert [one.attributes for one in found.visuals] == wanted
    mteb(tmp_path / "b")
    for part in sorted((tmp_path / "b/corpus").iterdir()):
        table = pq.read_table(part)
        ids = table["id"].to_pylist()
        pq.write_table(table.append_column("where", [[f"at {n}" for n in ids]]), part)
    found = read_mteb(str(tmp_path / "b"))
    assert {one.attributes for one in found.texts} == {()}
    assert [one.attributes for one in found.visuals] == [(("where", f"at {n}"),) for n in IMAGES]


def shape(found):
    """{(text, picture): grade}."""
    check(found)
    texts = {item.item_id: item.text for item in found.texts}
    uris = {item.item_id: item.uri for item in found.visuals}
    return {
        (texts[j.text_id], found.reader.read(uris[j.visual_id])): j.relevance
        for j in found.judgments
    }


EXPECTED = {
    ("a dog", IMAGES["i0"]): 2, ("a dog", IMAGES["i1"]): 1, ("sun", IMAGES["i2"]): 1,
}  # fmt: skip


def test_beirs_files(tmp_path):
    beir(tmp_path)
    found = read_mteb(str(tmp_path))
    assert shape(found) == EXPECTED
    assert [item.item_id for item in found.visuals] == list(IMAGES)
    assert {item.item_id for item in found.texts} == {"q0", "q1"}
    assert {item.split for item in (*found.texts, *found.visuals)} == {"test"}
    assert not found.clips
    assert any("1 queries without a judgment are left out" in note for note in found.notes)
    assert any("1 judgments of 0 or less are not relevant" in note for note in found.notes)
    assert shape(read_mteb(str(tmp_path), split="dev")) == {("never judged", IMAGES["i0"]): 1}


@pytest.mark.parametrize("visual", ["corpus", "queries"])
@pytest.mark.parametrize("subset", ["", "en-"])
def test_mtebs_parquet(tmp_path, visual, subset):
    mteb(tmp_path, visual, subset=subset)
    found = read_mteb(str(tmp_path), subset=subset.strip("-") or None)
    assert shape(found) == EXPECTED
    # The corpus is whole; only queries need a judgment.
    assert len(found.texts) == (2 if visual == "corpus" else 3)


@pytest.mark.slow
def test_mtebs_own_loader_reads_the_same(tmp_path):
    pytest.importorskip("mteb", reason="mteb is not installed")
    mteb(tmp_path)
    (tmp_path / "README.md").write_text(
        "---\nconfigs:\n"
        + "".join(
            f"- config_name: {name}\n  data_files:\n  - split: test\n    path: {name}/test-*\n"
            for name in ("corpus", "queries", "qrels")
        )
        + "---\n"
    )
    from mteb.abstasks.retrieval_dataset_loaders import RetrievalDatasetLoader

    theirs = RetrievalDatasetLoader(str(tmp_path), None).load()
    mine = read_mteb(str(tmp_path))
    assert theirs["corpus"]["id"][:] == [item.item_id for item in mine.visuals]
    assert theirs["queries"]["id"][:] == [item.item_id for item in mine.texts]
    graded = {(q, d): grade for q, of in theirs["relevant_docs"].items() for d, grade in of.items()}
    assert {(j.text_id, j.visual_id): j.relevance for j in mine.judgments} == {
        pair: grade for pair, grade in graded.items() if grade > 0
    }


def test_clips_and_the_commands(cmr, tmp_path):
    """Clips as bytes are encoded frame by frame, and grades reach the measures."""
    clips = {f"i{n}": make_clip([40 * n, 200]) for n in range(3)}
    mteb(tmp_path / "m", column="video", media=clips)
    found = read_mteb(str(tmp_path / "m"))
    assert found.clips
    cmr("ingest", "mteb", tmp_path / "m", "-w", tmp_path / "w", "--model", "scenes-tiny",
        "--frames", "2")  # fmt: skip
    wh = package.open(tmp_path / "w")
    rows = wh.sql("select text_id, visual_id, relevance from qrels order by all").arrow()
    assert [tuple(row.values()) for row in rows.to_pylist()] == [
        row for row in GRADES if row[2] > 0
    ]
    assert wh.sql("from items where modality = 'visual'").arrow().num_rows == 3
    assert wh.sql("select distinct dataset from items").arrow()["dataset"].to_pylist() == ["m"]


def test_judgments_of_unknown_items_are_rejects(tmp_path):
    beir(tmp_path)
    judgments(tmp_path / "qrels/test.tsv", [*GRADES, ("q0", "gone", 1)])
    found = read_mteb(str(tmp_path))
    assert shape(found) == EXPECTED
    assert [reject.source_row for reject in found.rejects] == ["test.tsv: query 'q0', item 'gone'"]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("queries.jsonl", '{"_id": "q0", "image": "photos/i0.png"}', "both the corpus and the"),
        ("corpus.jsonl", '{"_id": "i0", "text": "only text"}', "neither the corpus nor the"),
        ("corpus.jsonl", '{"image": "photos/i0.png"}', "has neither _id nor id; it has image"),
        ("corpus.jsonl", '{"_id": "i0"', "not valid JSON"),
        ("queries.jsonl", '{"_id": "q0"}', "has no column text"),
        ("qrels/test.tsv", "a\tb\nc\td", "neither text_id and visual_id nor query_id and item_id"),
    ],
)
def test_wrong_files(tmp_path, name, content, says):
    beir(tmp_path)
    (tmp_path / name).write_text(content)
    with pytest.raises(CmrError) as raised:
        read_mteb(str(tmp_path))
    assert says in str(raised.value)


def test_parts_that_are_missing(tmp_path):
    beir(tmp_path)
    with pytest.raises(CmrError, match="has judgments of dev, test, not of 'train'"):
        read_mteb(str(tmp_path), split="train")
    with pytest.raises(CmrError, match="has no de-qrels or de-default or de-data"):
        read_mteb(str(tmp_path), subset="de")
    (tmp_path / "queries.jsonl").unlink()
    with pytest.raises(CmrError, match="has no queries or query, neither a folder nor a file"):
        read_mteb(str(tmp_path))
    mteb(tmp_path / "m")
    (tmp_path / "m/corpus/test-00001-of-00002.parquet").unlink()
    with pytest.raises(CmrError, match=r"there is no file .*test-00001-of-00002\.parquet"):
        read_mteb(str(tmp_path / "m"))
