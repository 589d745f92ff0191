"""`cmr scorers`: what can search, with the options of each."""

from __future__ import annotations

import click

from cmr.cli.terminal import say


@click.command()
@click.argument("names", nargs=-1)
def scorers(names: tuple[str, ...]) -> None:
    """What can search: built in, engines, and those that other packages register.

    An engine's options go to `--scorer-options`, as in ef=16,64 (several values are several runs),
    and its package is installed by the extra that is named.

    \b
    cmr scorers
    cmr scorers faiss-hnsw
    cmr evaluate --scorer faiss-hnsw --scorer-options m=16,32,ef=64
    """
    from cmr.score.search.scorer_kinds import BUILT_IN, scorer_kind, scorer_names

    lines = []
    for name in names or scorer_names():
        kind = scorer_kind(name)
        lacks = [module for module in kind.modules if not kind.is_there(module)]
        note = f" (not installed: pip install '.[{kind.extra}]')" if lacks else ""
        ranks = "every rank" if kind.ranks_all else "lists"
        what = kind.summary if name in BUILT_IN else f"{kind.summary}; {ranks}"
        what += "; filters" if kind.filters else ""
        lines.append(f"{name}: {what}{note}")
        for one in kind.options:
            when = ", of a search" if one.of_search else ""
            when = ", of filters" if one.of_filter else when
            choices = f"; {', '.join(one.choices)}" if one.choices else ""
            lines.append(f"    {one.name}={one.default}: {one.help}{when}{choices}")
        if kind.is_graph:
            lines.append("    --connectivity, --expansion-add, --expansion-search")
    say("\n".join(lines))
