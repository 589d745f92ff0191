"""What `cmr recommend` prints: tables, a sentence on each subject, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cmr.cli.printed_contenders import print_contenders, print_costs
from cmr.cli.terminal import tell
from cmr.decimals import fixed, percent
from cmr.protocols import judged_words, way
from cmr.rows import Row
from cmr.score.search.scorer_kinds import TORCH

if TYPE_CHECKING:
    from cmr.api.recommendation import Recommendation
    from cmr.report.best_model import AcrossModels
    from cmr.warehouse.store import Store


def print_choices(
    store: Store,
    choices: Sequence[Recommendation],
    across: Sequence[AcrossModels],
    retain: float,
    k: int,
) -> None:
    """Print the table, a sentence on each subject, and what else bears on the choice."""
    import pyarrow as pa

    from cmr.cli.printed_tables import print_table

    rows = [row for choice in choices for row in choice.rows]
    judged = any(judged_words(row["qrels"]) for row in rows)
    by_torch = all(row["scorer"] == TORCH for row in rows)
    print_table(
        pa.Table.from_pylist([_line(row, by_torch, judged) for row in rows]),
        title=f"Fewest bytes a vector that keep {retain:.1%}, whole gallery",
    )
    for choice in choices:
        tell(_sentence(choice, retain))
        for sentence in filter(None, [*choice.quantizers, choice.flattered]):
            tell(f"{choice.dataset}, {choice.model}: {sentence}.")
        if choice.answer.why_not is None:
            tell(_power(choice))
    for one in across:
        _print_across(one, retain)
    print_costs(store, rows, k)
    print_contenders(store, rows, k)


def _print_across(one: AcrossModels, retain: float) -> None:
    """What keeps a share of the best model's quality, of the representations of all models."""
    import pyarrow as pa

    from cmr.cli.printed_tables import print_table
    from cmr.report import named

    judged = judged_words(one.qrels)
    by = "" if one.scorer == TORCH else f" by {one.scorer}"
    who = f"{one.dataset}{judged}, all models{by}"
    lines = [
        {
            "direction": way(row["direction"], row["qrels"]),
            "measure": named.measure(row),
            "of": row["baseline_model"],
            "confirmed": "none" if row["run_id"] is None else f"{row['model']} {_words(row)}",
            "bytes": row["vector_bytes"],
            "kept": row["retention"],
            "low": row["sure_low"],
        }
        for row in one.rows
    ]
    print_table(
        pa.Table.from_pylist(lines),
        title=f"{who}: fewest bytes a vector that keep {retain:.1%} of the best model's value",
    )
    best = _leaders(one)
    if one.why_not is not None:
        tell(f"{who}: nothing is recommended: {one.why_not} (best: {best}).")
    elif one.smallest is None:
        tell(
            f"{who}: no representation of any model is sure to keep {retain:.1%} of the best, "
            f"{best}, in every measure and direction above."
        )
    else:
        found = one.smallest
        tell(
            f"{who}: {found['model']} {_words(found)} is the smallest of any model that is sure to "
            f"keep {retain:.1%} of the best, {best}, in every measure and direction above: "
            f"{found['vector_bytes']:,} bytes a vector, at least {percent(found['low'])} kept."
        )


def _leaders(one: AcrossModels) -> str:
    """The best models' baselines: by recall, and by measures that another model leads in."""
    from cmr.report import named

    leads: dict[str, dict[str, list[str]]] = {}
    for row in [*one.by_recall, *one.elsewhere]:
        name = f"{row['model']} {row['dim']} {row['dim_method']} {row['precision']}"
        scores = leads.setdefault(name, {}).setdefault(named.measure(row), [])
        scores.append(f"{fixed(row['value'])} {row['direction']}")
    said = {
        name: "; ".join(f"{measure} {', '.join(each)}" for measure, each in scores.items())
        for name, scores in leads.items()
    }
    return "; ".join(f"{name} ({scores})" for name, scores in said.items())


def _sentence(choice: Recommendation, retain: float) -> str:
    """A sentence on the smallest representation that keeps every measure, in every direction."""
    from cmr.report.answer import not_said

    judged = judged_words(choice.qrels)
    by = "" if choice.scorer == TORCH else f" by {choice.scorer}"
    who = f"{choice.dataset}{judged}, {choice.model}{by}"
    found = choice.answer
    if found.why_not is not None:
        return f"{who}: nothing is recommended: {not_said(found)}."
    best, held = found.smallest, found.baseline
    lack = found.lack
    if best is None:
        return (
            f"{who}: no representation evaluated is sure to keep {retain:.1%} of the baseline, "
            f"{held.name}, over the whole gallery, in every measure and direction.{lack}"
        )
    if best["is_baseline"]:
        return (
            f"{who}: nothing smaller than the baseline, {held.name}, is sure to keep {retain:.1%} "
            f"of it in every measure and direction above.{lack}"
        )
    return (
        f"{who}: {_words(best)} is the smallest that is sure to keep {retain:.1%} of the "
        f"baseline, {held.name}, over the whole gallery, in every measure and direction above: "
        f"{best['vector_bytes']:,} bytes a vector, {percent(best['share'], 1)} of its size, "
        f"at least {percent(best['low'])} kept.{lack}"
    )


def _power(choice: Recommendation) -> str:
    """How many candidates there were, and the loss that the queries could have detected."""
    from cmr.report import named

    row = max(choice.rows, key=lambda one: one["unseen_share"] or 0.0)
    looks = (
        f"Sure at 97.5%, for all {row['looks']:,} candidates together"
        if row["looks"] > 1
        else "Sure at 97.5%"
    )
    if row["unseen_share"] is None:
        return f"{looks}."
    if row["unseen_share"] > 1:
        return f"{looks}. So few visual items may not reveal any loss of {named.measure(row)}."
    return (
        f"{looks}. A loss of {percent(row['unseen_share'])} of {named.measure(row)} "
        f"({way(row['direction'], row['qrels'])}, the least sensitive) is detected with 80% power; "
        "a smaller loss may exist undetected."
    )


def _line(row: Row, by_torch: bool, judged: bool) -> Row:
    from cmr.report import named

    return {
        "dataset": row["dataset"],
        **({"qrels": row["qrels"]} if judged else {}),
        "model": row["model"],
        **({} if by_torch else {"scorer": row["scorer"]}),
        "direction": way(row["direction"], row["qrels"]),
        "measure": named.measure(row),
        "confirmed": _say(row, ""),
        "bytes": row["vector_bytes"],
        "kept": row["retention"],
        "low": row["sure_low"],
        "by estimate": _say(row, "point_"),
        "bytes ": row["point_vector_bytes"],
        "kept ": row["point_retention"],
    }


def _say(row: Row, prefix: str) -> str:
    if row[f"{prefix}run_id"] is None:
        return "none"
    return _words(row, prefix)


def _words(row: Row, prefix: str = "") -> str:
    text = f"{row[prefix + 'dim']} {row[prefix + 'dim_method']} {row[prefix + 'precision']}"
    return ", ".join(filter(None, [text, row[prefix + "variant"]]))
