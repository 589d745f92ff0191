"""The protocols: what a query ranks. It imports nothing, and any package may import it.

Grouped ones rank visuals by the best of their captions, as papers on video retrieval do.
"""

from __future__ import annotations

# In the order in which they lead: a table shows the first that it has.
SINGLE = ("expected", "full", "sampled")
# Each by the one that ranks captions singly and is otherwise alike.
GROUPED = {"grouped_expected": "expected", "grouped": "full", "grouped_sampled": "sampled"}
GROUPED_WAY = "v2t"
PROTOCOLS = (*SINGLE, *GROUPED)
# What stands in the place of the judgments' name in a grouped run: visuals are relevant to
# themselves.
GROUPED_QRELS = "grouped"


def plain(protocol: str) -> str:
    """The protocol that ranks captions singly and is otherwise alike."""
    return GROUPED.get(protocol, protocol)


def is_whole(protocol: str) -> bool:
    """Whether it ranks the whole gallery, not pools of C candidates."""
    return plain(protocol) == "full"


def is_grouped(protocol: str) -> bool:
    """Whether it ranks visuals by the best of their captions."""
    return protocol in GROUPED


def judged_words(qrels: str) -> str:
    """What follows a data set's name: by what it was judged, unless by its own judgments."""
    if qrels == GROUPED_QRELS:
        return ", captions grouped"
    return "" if qrels == "default" else f" judged by {qrels}"


def way(direction: str, qrels: str) -> str:
    """A direction as it is printed in a table that also has rows of other protocols."""
    return f"{direction} {GROUPED_QRELS}" if qrels == GROUPED_QRELS else direction
