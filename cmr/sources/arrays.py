"""Two files of vectors, and a table or array that says which rows belong together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cmr.errors import CmrError
from cmr.sources.collection import TEXT, VISUAL, Collection, Item, Judgment
from cmr.sources.labels import IDS, OPTIONS, labelled, read_captions, read_ids
from cmr.sources.npyfile import load_array, load_npy
from cmr.sources.pairs import CAPTIONS
from cmr.sources.phrases import shown
from cmr.sources.source import SEPARATOR, Parameter, Source
from cmr.sources.tables import known_column, read_table
from cmr.sources.whole_numbers import whole_number

_TEXT, _VISUAL = ("text", "query", "text_row"), ("visual", "item", "image", "video", "visual_row")


def read_arrays(
    texts: str,
    visuals: str,
    pairs: str | None = None,
    text_ids: str | None = None,
    visual_ids: str | None = None,
    captions: str | None = None,
    separator: str | None = None,
) -> Collection:
    """Read (N, d) text and (M, d) visual vectors, .npy, .fbin, .u8bin or .i8bin.

    `pairs`: which rows belong together: a .npy of (N,) visual rows or of (P, 2) text and visual
    rows, or a table with the columns text and visual, and optionally relevance. Without it, text i
    belongs to visual i. `text_ids`, `visual_ids`, `captions`: files as in `cmr.sources.labels`;
    item ids default to row numbers. `separator`: of the pairs' table, detected if None. Raises
    CmrError.
    """
    text, visual = load_npy(texts), load_npy(visuals)
    if text.shape[1] != visual.shape[1]:
        raise CmrError(
            f"{texts} has {text.shape[1]} dimensions and {visuals} {visual.shape[1]}, "
            "expected the same"
        )
    found = _pairs(pairs, len(text), len(visual), separator)
    ids = {
        side: read_ids(path, side, rows) if path else [str(row) for row in range(rows)]
        for side, path, rows in ((TEXT, text_ids, len(text)), (VISUAL, visual_ids, len(visual)))
    }
    told = read_captions(captions, len(text)) if captions else [None] * len(text)
    given = {"text_ids": text_ids, "visual_ids": visual_ids, "captions": captions}
    dim = text.shape[1]
    return Collection(
        source="arrays",
        texts=labelled(
            [Item(name, text=caption) for name, caption in zip(ids[TEXT], told, strict=True)],
            (text_ids, IDS[TEXT]),
            (captions, CAPTIONS),
        ),
        visuals=labelled([Item(name) for name in ids[VISUAL]], (visual_ids, IDS[VISUAL])),
        judgments=[
            Judgment(ids[TEXT][row], ids[VISUAL][visual], relevance)
            for row, visual, relevance in found
        ],
        settings={
            "texts": Path(texts).name,
            "visuals": Path(visuals).name,
            "pairs": None if pairs is None else Path(pairs).name,
            **{name: Path(path).name for name, path in given.items() if path},
        },
        vectors={(TEXT, dim): text, (VISUAL, dim): visual},
    )


def _pairs(
    path: str | None, texts: int, visuals: int, separator: str | None
) -> list[tuple[int, int, int]]:
    if path is None:
        if texts != visuals:
            raise CmrError(
                f"{texts} texts and {visuals} visuals: --pairs must say which belong together"
            )
        return [(row, row, 1) for row in range(texts)]
    rows, where = (
        (_from_array(path, texts), lambda number: f"{path}: pair {number}")
        if Path(path).suffix.lower() == ".npy"
        else _from_table(path, separator)
    )
    first: dict[tuple[int, int], int] = {}
    for number, (text, visual, relevance) in enumerate(rows):
        if not 0 <= text < texts or not 0 <= visual < visuals:
            raise CmrError(
                f"{where(number)} is {shown((text, visual))}, outside the {texts} texts and "
                f"{visuals} visuals"
            )
        if relevance < 1:
            raise CmrError(
                f"{where(number)} has the relevance {shown(relevance)}, expected at least 1"
            )
        before = first.setdefault((text, visual), number)
        if before != number:
            raise CmrError(f"{where(number)} is {(text, visual)} again, which was pair {before}")
    return rows


def _from_array(path: str, texts: int) -> list[tuple[int, int, int]]:
    array = load_array(path)
    if array.dtype.kind not in "iu":
        raise CmrError(f"{path} holds no array of integers")
    if array.shape == (texts,):
        return [(row, visual, 1) for row, visual in enumerate(array.tolist())]
    if array.ndim == 2 and array.shape[1] == 2:
        return [(text, visual, 1) for text, visual in array.tolist()]
    raise CmrError(f"{path} has shape {array.shape}, expected ({texts},) or (pairs, 2)")


def _from_table(
    path: str, separator: str | None
) -> tuple[list[tuple[int, int, int]], Callable[[int], str]]:
    """The pairs, and a function that names each for errors."""
    table = read_table(path, separator)
    names = []
    for known in (_TEXT, _VISUAL):
        found = known_column(table.columns, known)
        if found is None:
            raise CmrError(f"{path} lacks a column {known[0]}; it has {table.listed()}")
        names.append(found)
    graded = known_column(table.columns, ("relevance",))
    rows = []
    wanted = [*names, *([graded] if graded else [])]
    cells = zip(*(table.column(name) for name in wanted), strict=True)
    for number, row in enumerate(cells):
        try:
            text, visual, *grade = map(whole_number, row)
        except ValueError:
            said = shown(row)
            raise CmrError(f"{table.where(number)} is {said}, expected whole numbers") from None
        rows.append((text, visual, grade[0] if grade else 1))
    return rows, table.where


SOURCE = Source(
    name="arrays",
    summary="Two files of vectors (.npy, .fbin, .u8bin, .i8bin) and which rows belong together.",
    about="--pairs is a .npy of each text's visual row, or of (text, visual) rows, or a table "
    "with the columns text, visual and perhaps relevance. Without it text i belongs to visual i.",
    examples=(
        "cmr ingest arrays --texts queries.npy --visuals gallery.npy --pairs truth.npy",
        "cmr ingest arrays --texts q.fbin --visuals base.fbin --pairs qrels.csv --dataset mine",
        "cmr ingest arrays --texts t.npy --visuals v.npy --text-ids ids.txt --captions told.csv",
    ),
    parameters=(
        Parameter("texts", "Vectors of the texts, (N, d).", required=True, path=True),
        Parameter("visuals", "Vectors of the visuals, (M, d).", required=True, path=True),
        Parameter("pairs", "Which rows belong together.", path=True),
        SEPARATOR,
        *OPTIONS,
    ),
    read=read_arrays,
    media=False,
    named_by="texts",
)
