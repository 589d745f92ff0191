"""The slow, obvious reading of lists: what a list of gallery items says of each relevant one."""

from __future__ import annotations

import numpy as np


def counts(items, scores, relevant, tolerance, pool=None):
    """Rows (above, tied, relevants_above, relevants_tied), None where not known, in the order of
    `relevant`'s pairs; competitors within `pool` (queries, gallery) bool alone."""
    found = []
    for query, item in zip(*np.nonzero(relevant), strict=True):
        listed = {what: scores[query][at] for at, what in enumerate(items[query]) if what >= 0}
        mine = [what for what in listed if relevant[query, what] and what != item]
        if item not in listed:
            found.append((None, None, len(mine), None))
            continue
        own = listed[item]
        rest = [what for what in listed if not relevant[query, what]]
        if pool is not None:
            rest = [what for what in rest if pool[query, what]]
        found.append(
            tuple(
                sum(test(listed[what] - own) for what in group)
                for group in (rest, mine)
                for test in (lambda d: d > tolerance, lambda d: abs(d) <= tolerance)
            )
        )
    return found
