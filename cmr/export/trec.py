"""TREC's qrels and run, as trec_eval, pytrec_eval and ir_measures read them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from cmr.errors import CmrError
from cmr.export.format import Asked, Format, Stream
from cmr.export.lists import TOP, judged_pairs, top_lists
from cmr.export.mark import write_mark
from cmr.pipeline.judged_data import find_dataset
from cmr.rows import Row
from cmr.sources.source import Parameter
from cmr.sources.trecids import encoded, need_encoding
from cmr.warehouse.schemas import ITEMS

Spell = Callable[[str], str]


def write(asked: Asked, out: Path) -> None:
    """Write a folder with `qrels.txt` and `run.txt`; `--only` writes one of them as a file."""
    spell = _spelling(asked)
    only = asked.options["only"]
    if only:
        with out.open("wb") as stream:
            (_qrels if only == "qrels" else _run)(asked, stream, spell)
        return
    out.mkdir()
    with (out / "qrels.txt").open("wb") as stream:
        _qrels(asked, stream, spell)
    with (out / "run.txt").open("wb") as stream:
        _run(asked, stream, spell)
    write_mark(asked, "trec", out, percent_encoded_ids=spell is not str)


def _qrels(asked: Asked, out: Stream, spell: Spell) -> None:
    for queries, found, relevance in judged_pairs(asked):
        lines = zip(queries.to_pylist(), found.to_pylist(), relevance.tolist(), strict=True)
        out.write("".join(f"{spell(q)} 0 {spell(i)} {r}\n" for q, i, r in lines).encode())


def _run(asked: Asked, out: Stream, spell: Spell) -> None:
    tag = tag_of(asked.run)
    for part in top_lists(asked):
        for query, found, scores in zip(
            part.queries.to_pylist(), part.items, part.scores, strict=True
        ):
            name = spell(query)
            lines = [
                f"{name} Q0 {spell(item)} {rank} {score} {tag}\n"
                for rank, (item, score) in enumerate(
                    zip(found.to_pylist(), map(str, scores), strict=True), start=1
                )
            ]
            out.write("".join(lines).encode())


def tag_of(run: Row) -> str:
    """A run's name as one word: model, dimension, method, precision and id."""
    words = (run["model"], run["dim"], run["dim_method"], run["precision"], run["run_id"][:8])
    return re.sub(r"[^\w.+-]+", "-", "-".join(str(word) for word in words if word is not None))


def _spelling(asked: Asked) -> Spell:
    """How ids are written: as they are, unless one in the data set contains a space.

    Then every id is percent-encoded, as `cmr.sources.trecids` says. Raises CmrError for an
    empty id.
    """
    data = find_dataset(asked.warehouse, asked.run["dataset"])
    names: list[str] = asked.warehouse.read(data, ITEMS)["item_id"].to_pylist()
    if "" in names:
        raise CmrError(f"an item of {data['dataset']!r} has an empty id, which TREC cannot hold")
    if not need_encoding(names):
        return str
    asked.say("ids contain spaces: they are percent-encoded; urllib.parse.unquote decodes them")
    return encoded


FORMAT = Format(
    name="trec",
    summary="TREC qrels and run of one run, for trec_eval and similar tools.",
    about="A folder with qrels.txt (query 0 item relevance) and run.txt (query Q0 item rank score "
    "tag). The run holds the top of every judged query's list, from the stored hits if they are "
    "long enough (cmr evaluate --hits), otherwise scored again. Scores decrease strictly, because "
    "evaluators sort again; MRR, MAP and cut-offs beyond --top see only the list. If any id has a "
    "space, all ids are percent-encoded.",
    examples=(
        "cmr export trec --dim 512 --precision int8 --direction t2v --out trec/",
        "cmr export trec --run 3f0c --top 100 --only run --out run.txt",
    ),
    needs="run",
    into="folder",
    write=write,
    parameters=(
        TOP,
        Parameter("only", "Write only one of the two, as a file.", choices=("qrels", "run")),
    ),
    again="cmr ingest qrels FOLDER/qrels.txt",
)
