"""The report's page: a single HTML file that requests nothing from the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cmr.answers import fetch
from cmr.errors import CmrError
from cmr.report.languages import locale_tag, translator
from cmr.report.page import gallery, quality_charts
from cmr.report.page.column_labels import DIRECTIONS
from cmr.report.page.contenders import contenders
from cmr.report.page.controls import chosen, controls, words
from cmr.report.page.exhibit import Exhibit, as_json
from cmr.report.page.overview import overview
from cmr.report.page.pair import default_pair
from cmr.report.page.pairs import pairs
from cmr.report.page.palette import shapes
from cmr.report.page.part import part, subject_name
from cmr.report.page.pictures import Pictures
from cmr.report.page.runtime import runtime
from cmr.report.page.shown import listing
from cmr.report.page.slices import recommended, slices, worst
from cmr.report.subject import Subject, subjects
from cmr.rows import Row
from cmr.version import __version__
from cmr.views import only

if TYPE_CHECKING:
    import duckdb

# Byte limits of the whole page, and of its plots and tables; thumbnails get the rest.
LARGEST = 10_000_000
LARGEST_PARTS = 5_600_000
# Bytes that a list's text may take besides thumbnails, with every caption at its longest.
_SLACK = 300_000
# The parts of the script, in order: what is used comes before what uses it at once.
_SCRIPTS = (
    "base", "state", "draw", "pairs", "quality", "compare", "overview", "tabs", "sorting", "tables",
    "sql", "words", "print", "theme", "start",
)  # fmt: skip


def build(
    con: duckdb.DuckDBPyConnection,
    run_ids: Sequence[str],
    *,
    lang: str = "en",
    retain: float = 0.99,
    flips: Sequence[tuple[str, str]] = (),
    images: str | None = None,
) -> bytes:
    """The page of some runs, as HTML in UTF-8; deterministic for a given warehouse.

    `con`: a connection with every view. `retain`: the share to keep, for the recommendation.
    `flips`: the runs that the gallery compares side by side, instead of its own choice. `images`: a
    folder, zip or tar where the pictures are now. Raises CmrError if `images` cannot be opened, or
    would apply to several data sets.
    """
    _ = translator(lang).gettext
    script = runtime()
    runs = fetch(con, "from runs order by run_id").to_pylist()
    found = subjects(con, run_ids)
    if images is not None and len({subject.dataset for subject in found}) > 1:
        raise CmrError("--images needs a single data set; choose one with --dataset")
    _hold_differences(con, run_ids, several=len(found) > 1)
    parts: list[dict[str, Any]] = []
    fielded: set[tuple[str, str, str]] = set()
    left = LARGEST_PARTS
    others = []
    for subject in found:
        if left < 0:
            others.append(subject_name(subject))
            continue
        one = part(con, subject, len(parts), runs, retain, lang, _)
        # One field for all scorers and variants of the same data and model.
        if (named := (subject.dataset, subject.qrels, subject.model)) not in fielded:
            fielded.add(named)
            field = contenders(con, subject, set(run_ids), one["id"], one["ways"], _)
            one["sections"] = [*([field] if field else []), *one["sections"]]
        one["pairs"] = recommended(one, _baselines(con, one["runs"]))
        one["pair"] = _first_pair(con, one)
        one["way_names"] = [(way, _(DIRECTIONS[way])) for way in one["ways"]]
        one["slices"] = slices(con, one, one["pairs"], _)
        one["sections"] += [one["slices"]] if one["slices"] else []
        left -= _size(one)
        parts.append({**one, "subject": subject})
    first, beside = overview(con, parts, retain, lang, _), pairs(con, parts)
    drawn = [one for data in (first["datas"] if first else []) for one in data["charts"]]
    used = len(script.encode()) + LARGEST_PARTS - left + sum(one.size for one in drawn)
    used += sum(map(len, beside["data"].values()))
    album = gallery.Album(LARGEST - used - _SLACK)
    for number, one in enumerate(parts):
        share = album.left // (len(parts) - number)
        _add_gallery(con, one, runs, flips, images, album, share, _)
    return _render(first, parts, others, beside, album, script, lang).encode()


def _hold_differences(
    con: duckdb.DuckDBPyConnection, run_ids: Sequence[str], several: bool
) -> None:
    """Compute what is beside the baselines and the best models once, for the page's runs only.

    Best models are only asked for by the overview, which there is for `several` subjects.
    """
    asked = ("differences", *(["across_models"] if several else []), "query_slices")
    rows = fetch(con, "select run_id, baseline from int_baselines").to_pylist()
    mine = set(run_ids)
    both = mine | {row["baseline"] for row in rows if row["run_id"] in mine}
    with only(con, sorted(both - {None})):
        for view in asked:
            con.execute(f"create or replace temp table {view} as from memory.main.{view}")


def _size(one: dict[str, Any]) -> int:
    """Approximate bytes of a part, with its leaderboard as HTML."""
    rows = 1_600 * len(one["board_rows"])
    exhibits: list[Exhibit] = [one["board"], one["chosen"], one["measured"]]
    exhibits += [chart for section in one["sections"] for chart in section["charts"]]
    return sum(one.size for one in exhibits) + rows


def _add_gallery(
    con: duckdb.DuckDBPyConnection,
    one: dict[str, Any],
    runs: Sequence[Row],
    flips: Sequence[tuple[str, str]],
    images: str | None,
    album: gallery.Album,
    share: int,
    _: Any,
) -> None:
    subject: Subject = one["subject"]
    data = fetch(con, "from datasets").to_pylist()
    row = next(row for row in data if row["dataset"] == subject.dataset)
    pictures = Pictures(row, images, _)
    lists = []
    by_id = {run["run_id"]: run for run in one["runs"]}
    # What a run of this part is asked to be held against may be searched or coded otherwise.
    every = by_id | {run["run_id"]: run for run in runs}
    for way in one["ways"]:
        mine = [run for run in one["runs"] if run["direction"] == way]
        asked = [(a, b) for a, b in flips if a in by_id and by_id[a]["direction"] == way]
        pair = default_pair(mine, _baselines(con, mine))
        if asked:
            pair = next((by_id[a], every[b]) for a, b in asked)
        base = pair[0] if pair else mine[0]
        key = f"{one['id']}-hard-{way}"
        lists.append(gallery.hardest(con, subject, way, base, key))
        if pair:
            lists.append(gallery.flipped(con, way, pair, f"{one['id']}-flips-{way}"))
        if found_worst := worst(one["slices"], way):
            key = f"{one['id']}-slice-{way}"
            lists.append(gallery.flipped(con, way, one["pairs"][way], key, found_worst))
    for number, found in enumerate(lists):
        mine_left = share // (len(lists) - number)
        before = album.left
        gallery.fill(con, subject, found, pictures, album, mine_left)
        share -= before - album.left
    lacking = [found.lacking for found in lists if found.lacking]
    one["commands"] = "\n".join(dict.fromkeys("\n".join(lacking).splitlines()))
    one["lists"] = [listing(found, _) for found in lists]
    one["gallery_about"] = _(
        "Queries, their right answers, and the top of the lists that came back. Open a list to "
        "see it; words filter all lists."
    )
    labels = sorted({label for found in lists for one in found.entries for label in one.slices})
    one["slice_labels"] = [(label, label) for label in labels]
    one["notes"] = []
    if pictures.reason:
        one["notes"].append(pictures.reason)
    elif pictures.missing:
        text = _("{count} of the pictures can no longer be read, or have changed since.")
        one["notes"].append(text.format(count=pictures.missing))


def _baselines(con: duckdb.DuckDBPyConnection, runs: Sequence[Row]) -> dict[str, str | None]:
    ids = {run["run_id"] for run in runs}
    rows = fetch(con, "select run_id, baseline from int_baselines order by run_id").to_pylist()
    return {row["run_id"]: row["baseline"] for row in rows if row["run_id"] in ids}


def _first_pair(con: duckdb.DuckDBPyConnection, one: Mapping[str, Any]) -> dict[str, list[str]]:
    """The runs that are compared at first, by direction: baseline and recommended, or coarsest."""
    found = {}
    for way in one["ways"]:
        mine = [run for run in one["runs"] if run["direction"] == way]
        pair = one["pairs"].get(way) or default_pair(mine, _baselines(con, mine))
        found[way] = [run["run_id"] for run in (pair or (mine[0], mine[0]))]
    return found


def _told(one: dict[str, Any]) -> dict[str, Any]:
    """What the script knows of a part: how things look, and its runs."""
    return {
        "looks": one["looks"],
        "queries": {run["run_id"]: run["queries"] for run in one["runs"]},
        "pair": one["pair"],
    }


def _render(
    first: dict[str, Any] | None,
    parts: list[dict[str, Any]],
    others: list[str],
    beside: Mapping[str, Any],
    album: gallery.Album,
    script: str,
    lang: str,
) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    _ = translator(lang).gettext
    environment = Environment(
        loader=PackageLoader("cmr.report.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )

    def own(name: str) -> Markup:
        source, _path, _fresh = environment.loader.get_source(environment, name)  # type: ignore[union-attr]
        return Markup(source)

    menus = controls(parts, _)
    told = {
        "asked": chosen(menus),
        "parts": {one["id"]: _told(one) for one in parts},
        "shapes": shapes(),
        "hues": first["hues"] if first else {},
        "pairs": beside["of"],
    }
    return environment.get_template("page.html.j2").render(
        _=_,
        lang=locale_tag(lang),
        version=__version__,
        title=_("Retrieval quality, bytes and speed"),
        first=first,
        pairs=beside["data"],
        parts=parts,
        others=others,
        directions=DIRECTIONS,
        css=own("page.css"),
        js=Markup("\n").join(own(f"js/{name}.js") for name in _SCRIPTS),
        menus=menus,
        page=as_json(told),
        lines=as_json(quality_charts.lines(_)),
        dots=as_json(quality_charts.dots(_)),
        runtime=Markup(script),
        words=as_json(words(_)),
        pictures=as_json(album.uris),
    )


__all__ = ["Exhibit", "build"]
