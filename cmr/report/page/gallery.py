"""What went wrong: the hardest queries and the rank flips, with their top lists."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cmr.answers import fetch, quoted
from cmr.protocols import GROUPED_QRELS
from cmr.report import named
from cmr.report.page import gallery_questions as questions
from cmr.report.page.pictures import Pictures
from cmr.report.subject import Subject
from cmr.rows import Row

if TYPE_CHECKING:
    import duckdb

# Queries per list, and relevant items shown per query.
ENTRIES = 24
RIGHT = 3


@dataclass(frozen=True)
class Card:
    """An item as shown in the gallery: its caption or picture."""

    item_id: str
    text: str
    picture: str | None = None
    score: float | None = None
    relevant: bool = False


@dataclass(frozen=True)
class ShownQuery:
    """A query, its relevant items, and what the runs found."""

    query: Card
    right: list[Card]
    more_right: int
    ranks: list[tuple[str, float]]
    tops: list[tuple[str, list[Card]]]
    change: str = ""
    slices: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Approximate bytes of its text in the page, without thumbnails."""
        cards = [self.query, *self.right, *(card for _name, cards in self.tops for card in cards)]
        beside = len(" ".join([*self.slices, self.query.text]).encode())
        return 500 + beside + sum(150 + 2 * len(card.text.encode()) for card in cards)


@dataclass
class Listing:
    """One list of the gallery. `lacking`: the command that makes top lists, if some are missing.

    `within`: the attribute and the value of the slice that it is of.
    """

    key: str
    kind: str
    direction: str
    runs: list[Row]
    sql: str
    rows: list[Row]
    tops_sql: str | None = None
    tops_rows: list[Row] = field(default_factory=list)
    lacking: str | None = None
    within: tuple[str, str] | None = None
    entries: list[ShownQuery] = field(default_factory=list)
    left_out: int = 0


@dataclass
class Album:
    """The page's thumbnails: data URIs by a short key, and the bytes left.

    `full`: a thumbnail did not fit any more.
    """

    left: int
    full: bool = False
    uris: dict[str, str] = field(default_factory=dict)
    keys: dict[tuple[str, str], str | None] = field(default_factory=dict)

    def key(self, dataset: str, item: Row, pictures: Pictures) -> str | None:
        """The key of an item's thumbnail; None if it has none."""
        whose = (dataset, item["item_id"])
        if whose not in self.keys:
            uri = pictures.data_uri(item)
            self.keys[whose] = None
            if uri is not None and len(uri) + 12 > self.left:
                self.full, uri = True, None
            if uri is not None:
                self.keys[whose] = f"p{len(self.uris)}"
                self.uris[f"p{len(self.uris)}"] = uri
                self.left -= len(uri) + 12
        return self.keys[whose]


def hardest(
    con: duckdb.DuckDBPyConnection, subject: Subject, direction: str, run: Row, key: str
) -> Listing:
    """Queries that every run ranks badly, with one run's top lists."""
    sql = questions.hard(subject, direction, ENTRIES)
    rows = fetch(con, sql).to_pylist()
    found = Listing(key, "hard", direction, [run], sql, rows)
    _add_tops(con, found)
    return found


def flipped(
    con: duckdb.DuckDBPyConnection,
    direction: str,
    pair: tuple[Row, Row],
    key: str,
    within: tuple[str, str] | None = None,
) -> Listing:
    """Queries whose item enters or leaves the top 10 between two runs, in a slice or in all."""
    a, b = pair
    sql = questions.flips(a["run_id"], b["run_id"], ENTRIES, within)
    rows = fetch(con, sql).to_pylist()
    found = Listing(key, "flips", direction, [a, b], sql, rows, within=within)
    _add_tops(con, found)
    return found


def _add_tops(con: duckdb.DuckDBPyConnection, found: Listing) -> None:
    runs = found.runs
    without = [run for run in runs if not run["hits"]]
    found.lacking = "\n".join(map(command, filter(can_list, without))) or None
    have = [run["run_id"] for run in runs if run["hits"]]
    if have and found.rows:
        found.tops_sql = questions.tops(have, [row["query_id"] for row in found.rows])
        found.tops_rows = fetch(con, found.tops_sql).to_pylist()


def can_list(run: Row) -> bool:
    """Whether its top lists can be stored: where captions are grouped, they are of visuals."""
    return bool(run["qrels"] != GROUPED_QRELS)


def command(run: Row) -> str:
    """The command that stores a run's top lists."""
    from shlex import quote

    judged = "" if run["qrels"] == "default" else f" --qrels {quote(run['qrels'])}"
    return (
        f"cmr evaluate --dataset {quote(run['dataset'])}{judged} --model {quote(run['model'])} "
        f"--dims {run['dim']} --dim-methods {run['dim_method']} --precisions {run['precision']} "
        f"--hits {questions.LISTED}"
    )


def fill(
    con: duckdb.DuckDBPyConnection,
    subject: Subject,
    found: Listing,
    pictures: Pictures,
    album: Album,
    share: int,
) -> None:
    """Make a list's entries from its rows, until `share` bytes of the album are used."""
    runs = found.runs
    judged = _judged(con, subject, found)
    visuals, texts = _items(con, subject, found, judged)
    floor, sliced = album.left - share, _slices(con, subject, found)
    tops: dict[tuple[str, str], list[Row]] = {}
    for row in found.tops_rows:
        tops.setdefault((row["query_id"], row["run_id"]), []).append(row)
    query_side, item_side = (texts, visuals) if found.direction == "t2v" else (visuals, texts)

    def card(items: dict[str, Row], item_id: str, **more: Any) -> Card:
        item = items.get(item_id, {"item_id": item_id, "text": None, "uri": None})
        key = album.key(subject.dataset, item, pictures) if items is visuals else None
        return Card(item_id, item["text"] or item_id, key, **more)

    for number, row in enumerate(found.rows):
        if album.full or album.left < max(floor, 0):
            found.left_out = len(found.rows) - number
            break
        query = row["query_id"]
        right = judged.get(query, [])
        entry = ShownQuery(
            card(query_side, query),
            [card(item_side, one) for one in right[:RIGHT]],
            max(0, len(right) - RIGHT),
            _ranks(found, row),
            [
                (
                    name(run),
                    [
                        card(
                            item_side,
                            hit["item_id"],
                            score=hit["score"],
                            relevant=hit["item_id"] in right,
                        )
                        for hit in tops[query, run["run_id"]]
                    ],
                )
                for run in runs
                if (query, run["run_id"]) in tops
            ],
            {"leaves": "lost", "enters": "won"}.get(row.get("change", ""), ""),
            sliced.get(query, ()),
        )
        album.left -= entry.size
        found.entries.append(entry)


def _ranks(found: Listing, row: Row) -> list[tuple[str, float]]:
    if found.kind == "flips":
        first, second = map(name, found.runs)
        return [(first, row["rank_a"]), (second, row["rank_b"])]
    return [
        ("best", row["best_rank"]),
        ("median", row["median_rank"]),
        ("worst", row["worst_rank"]),
    ]


def _slices(
    con: duckdb.DuckDBPyConnection, subject: Subject, found: Listing
) -> dict[str, tuple[str, ...]]:
    """The slices of each query, as `attribute: value`."""
    queries = ", ".join(quoted(row["query_id"]) for row in found.rows) or "null"
    rows = fetch(
        con,
        f"select query_id, name || ': ' || slice as label from query_slices "
        f"where dataset = {quoted(subject.dataset)} and qrels = {quoted(subject.qrels)} "
        f"and direction = {quoted(found.direction)} and query_id in ({queries}) "
        "order by query_id, name, place nulls last, slice",
    ).to_pylist()
    sliced: dict[str, tuple[str, ...]] = {}
    for row in rows:
        label = " ".join(row["label"].split())
        sliced[row["query_id"]] = (*sliced.get(row["query_id"], ()), label)
    return sliced


def _judged(
    con: duckdb.DuckDBPyConnection, subject: Subject, found: Listing
) -> dict[str, list[str]]:
    queries = ", ".join(quoted(row["query_id"]) for row in found.rows) or "null"
    rows = fetch(
        con,
        f"select query_id, item_id from judgments where dataset = {quoted(subject.dataset)} "
        f"and qrels = {quoted(subject.qrels)} and direction = {quoted(found.direction)} "
        f"and query_id in ({queries}) order by query_id, relevance desc, item_id",
    ).to_pylist()
    judged: dict[str, list[str]] = {}
    for row in rows:
        judged.setdefault(row["query_id"], []).append(row["item_id"])
    return judged


def _items(
    con: duckdb.DuckDBPyConnection, subject: Subject, found: Listing, judged: dict[str, list[str]]
) -> tuple[dict[str, Row], dict[str, Row]]:
    """The visuals and texts in the list, by id; a visual's text is its first caption."""
    queries = {row["query_id"] for row in found.rows}
    items = {hit["item_id"] for hit in found.tops_rows}
    items.update(one for right in judged.values() for one in right[:RIGHT])
    texts, visuals = (queries, items) if found.direction == "t2v" else (items, queries)
    data = quoted(subject.dataset)

    def listed(names: set[str]) -> str:
        return ", ".join(map(quoted, sorted(names))) or "null"

    longest = questions.LONGEST
    told = fetch(
        con,
        f"select item_id, left(text, {longest}) as text, null as uri from items "
        f"where dataset = {data} and modality = 'text' and item_id in ({listed(texts)})",
    ).to_pylist()
    seen = fetch(
        con,
        f"""
        select items.item_id, items.uri, items.content_hash, left(first.text, {longest}) as text
        from items
        left join (
            select qrels.visual_id, arg_min(texts.text, texts.ordinal) as text
            from qrels
            inner join items as texts
                on
                    texts.dataset = {data} and texts.modality = 'text'
                    and texts.item_id = qrels.text_id
            where qrels.dataset = {data} and qrels.relevance > 0
            group by qrels.visual_id
        ) as first on first.visual_id = items.item_id
        where
            items.dataset = {data} and items.modality = 'visual'
            and items.item_id in ({listed(visuals)})
        """,
    ).to_pylist()
    return {row["item_id"]: row for row in seen}, {row["item_id"]: row for row in told}


def name(run: Row) -> str:
    """A run's representation, and how it is searched."""
    return named.representation(run)
