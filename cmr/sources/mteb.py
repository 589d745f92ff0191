"""The layout of BEIR and MTEB: a corpus, queries, and graded judgments between them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from cmr.errors import CmrError
from cmr.sources.attributes import with_rows
from cmr.sources.collection import Collection, Item, Judgment, MediaReader, Reject
from cmr.sources.images import open_images
from cmr.sources.mtebside import TEXTS, MtebSide, is_parquet
from cmr.sources.pairs import place_of
from cmr.sources.parquetbytes import ParquetReader, refuse_gaps
from cmr.sources.qrels import file_id, read_qrels
from cmr.sources.source import IMAGES, Parameter, Source
from cmr.sources.splits import DEFAULT

_ENDINGS = (".jsonl", ".ndjson", ".tsv", ".csv", ".parquet")
_SPLIT = re.compile(r"(.+?)(-\d+-of-\d+(-[0-9a-f]{16})?)?", re.DOTALL)
# MTEB stores judgments as the configuration `default`, whose folder is `data` on the Hub.
_JUDGED = ("qrels", "default", "data")
_QUERIES = ("queries", "query")


def read_mteb(
    folder: str, split: str | None = None, subset: str | None = None, images: str | None = None
) -> Collection:
    """Read a folder with a corpus, queries and judgments, of which one side is visual.

    JSON lines, or Parquet with media as bytes. `split`: of the judgments, by default test or the
    only one; queries that it does not judge are left out, while the whole corpus is kept. `subset`:
    what the parts' names begin with, such as en of `en-corpus`. `images`: folder, zip or tar of
    media that are named, not held. Judgments of 0 or less are not relevant. Raises CmrError naming
    the file at fault.
    """
    begin = "" if subset is None else f"{subset}-"
    judged_files = _part(folder, [begin + name for name in _JUDGED])
    split = _chosen(folder, judged_files, split)
    corpus = _side(folder, "corpus", [f"{begin}corpus"], split)
    queries = _side(folder, "queries", [begin + name for name in _QUERIES], split)
    visual, text = _sides(folder, corpus, queries)
    found, rejects, ignored = _judgments(judged_files[split], corpus, queries)
    kept = {query for query, _, _ in found}
    rows = {
        side.what: [row for row, name in enumerate(side.ids) if side is corpus or name in kept]
        for side in (corpus, queries)
    }
    reader, uris, places = _media(visual, images or folder)
    told = text.texts()
    texts = _items(text, rows, TEXTS, lambda row: Item(text.ids[row], text=told[row], split=split))
    assert visual.medium is not None
    visuals = _items(
        visual, rows, visual.medium[:1],
        lambda row: Item(visual.ids[row], uri=uris[row], split=split),
    )  # fmt: skip
    empty = {item.item_id for item in texts if not item.text}
    rejects += [Reject(f"{text.what}: {name}", "it has no text") for name in sorted(empty)]
    pairs = [(query, item) if text is queries else (item, query) for query, item, _ in found]
    return Collection(
        source="mteb",
        texts=[item for item in texts if item.text],
        visuals=visuals,
        judgments=[
            Judgment(*pair, grade)
            for pair, (_, _, grade) in zip(pairs, found, strict=True)
            if pair[0] not in empty
        ],
        settings={"folder": Path(folder).name, "split": split, "subset": subset},
        reader=reader,
        rejects=rejects,
        clips=visual.medium[1],
        notes=_notes(folder, queries, rows[queries.what], ignored),
        places=places,
    )


def _items(
    side: MtebSide,
    rows: dict[str, list[int]],
    used: Sequence[str],
    item: Callable[[int], Item],
) -> list[Item]:
    """A side's items, with the columns that are not used otherwise as their attributes."""
    every = with_rows([item(row) for row in range(len(side.ids))], side.further(used))
    return [every[row] for row in rows[side.what]]


def _notes(folder: str, queries: MtebSide, asked: Sequence[int], ignored: int) -> list[str]:
    notes = []
    if left := len(queries.ids) - len(asked):
        notes.append(f"{folder}: {left:,} queries without a judgment are left out")
    if ignored:
        notes.append(f"{folder}: {ignored:,} judgments of 0 or less are not relevant")
    return notes


def _part(folder: str, names: Sequence[str]) -> dict[str, list[str]]:
    """The files of a part by split: in a folder of its name, or one file for all splits, ''."""
    for name in names:
        found: dict[str, list[str]] = {}
        if (Path(folder) / name).is_dir():
            for path in sorted((Path(folder) / name).iterdir()):
                match = _SPLIT.fullmatch(path.stem)
                if path.suffix.lower() in _ENDINGS and match is not None:
                    found.setdefault(match[1], []).append(str(path))
        for ending in _ENDINGS:
            if not found and (whole := Path(folder) / f"{name}{ending}").is_file():
                found[""] = [str(whole)]
        if found:
            refuse_gaps([path for paths in found.values() for path in paths])
            return found
    raise CmrError(f"{folder} has no {' or '.join(names)}, neither a folder nor a file")


def _chosen(folder: str, there: dict[str, list[str]], split: str | None) -> str:
    wanted = split or (next(iter(there)) if len(there) == 1 else DEFAULT)
    if wanted not in there:
        raise CmrError(f"{folder} has judgments of {', '.join(sorted(there))}, not of {wanted!r}")
    return wanted


def _side(folder: str, what: str, names: Sequence[str], split: str) -> MtebSide:
    there = _part(folder, names)
    files = there.get(split) or (next(iter(there.values())) if len(there) == 1 else None)
    if files is None:
        raise CmrError(f"{folder} has {what} of {', '.join(sorted(there))}, not of {split!r}")
    return MtebSide(what, files)


def _sides(folder: str, corpus: MtebSide, queries: MtebSide) -> tuple[MtebSide, MtebSide]:
    """The side with pictures or clips, and the one with texts."""
    seen = [side for side in (corpus, queries) if side.medium is not None]
    if len(seen) == 1:
        return seen[0], queries if seen[0] is corpus else corpus
    both = "both the corpus and the queries" if seen else "neither the corpus nor the queries"
    raise CmrError(
        f"{folder}: {both} have a column with pictures or clips (image, video); cmr "
        "compares texts with visuals"
    )


def _judgments(
    files: Sequence[str], corpus: MtebSide, queries: MtebSide
) -> tuple[list[tuple[str, str, int]], list[Reject], int]:
    """(query, item, grade) of what is relevant; those of unknown items; how many are not."""
    items, asked = set(corpus.ids), set(queries.ids)
    found, rejects, ignored = list[tuple[str, str, int]](), list[Reject](), 0
    for path in files:
        rows = read_qrels(path, "table")
        for query, item, grade in zip(rows.queries, rows.items, rows.relevance, strict=True):
            if grade <= 0:
                ignored += 1
            elif query in asked and item in items:
                found.append((query, item, grade))
            else:
                where = f"{Path(path).name}: query {query!r}, item {item!r}"
                rejects.append(Reject(where, "the folder lacks one of them"))
    return found, rejects, ignored


def _media(side: MtebSide, images: str) -> tuple[MediaReader, list[str], dict[str, str]]:
    """A reader of the side's pictures or clips, each row's uri, and where names come from."""
    assert side.medium is not None
    name, clips = side.medium
    if all(map(is_parquet, side.files)):
        packed = ParquetReader(side.files, name)
        return packed, packed.uris(), {}
    reader, places = open_images(images, clips), dict[str, str]()
    named = (file_id(side.where(row), cell) for row, cell in enumerate(side.cells(name)))
    uris = [place_of(reader, one, side.where(row), places) for row, one in enumerate(named)]
    return reader, uris, places


SOURCE = Source(
    name="mteb",
    summary="A folder as BEIR and MTEB lay it out: corpus, queries and graded judgments.",
    about="FOLDER holds corpus.jsonl and queries.jsonl (_id, text, title, and image or video, a "
    "file's name) and qrels/SPLIT.tsv (query-id, corpus-id, score), or the same in folders of "
    "Parquet files with media as bytes, as a clone of an MTEB data set does (corpus/, queries/, "
    "qrels/). One of corpus and queries is visual, the other text. The whole corpus is kept; "
    "queries without a judgment in the split are left out. Grades are kept.",
    examples=(
        "cmr ingest mteb Flickr30kT2IRetrieval/ --model ViT-B-32 --pretrained openai",
        "cmr ingest mteb beir-like/ --split dev --images photos/ --model ViT-B-32 "
        "--pretrained openai",
    ),
    parameters=(
        Parameter("folder", argument=True, required=True, path=True),
        Parameter("split", "Split of the judgments.  [default: test, or the only one]"),
        Parameter("subset", "What the parts' names begin with, such as en of en-corpus."),
        Parameter("images", IMAGES + "  [default: FOLDER]", path=True),
    ),
    read=read_mteb,
    media=True,
    clips=True,
    named_by="folder",
)
