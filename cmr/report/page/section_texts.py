"""The page's texts about its charts: titles, what they show, and texts for screen readers."""

from __future__ import annotations

from cmr.report.languages import mark

SECTIONS = {
    "quality": (
        mark("Quality against C"),
        mark(
            "The more candidates, the harder the task. Lines are the difference from the baseline, "
            "query by query, with its 95% band, or the measure itself, as chosen at the top. "
            "Colour is the dimension, line and marker the precision. A click on a line or its name "
            "highlights it, here and below."
        ),
    ),
    "growth": (
        mark("Quality as the gallery grows"),
        mark(
            "Recall@10 among C candidates that are drawn from the whole gallery with its "
            "distractors, which are items that no query looks for: the exact expectation, from one "
            "run, with 95% intervals. Dashed, with hollow points, it is extrapolated beyond the "
            "gallery: this assumes that no further item is relevant and that further ones are like "
            "those of the gallery, and has no interval."
        ),
    ),
    "bytes": (
        mark("Quality against bytes"),
        mark(
            "What each representation keeps of the baseline's measure over the whole gallery, "
            "with the paired 95% interval. The line joins the Pareto front: nothing has fewer "
            "bytes and is at least as good. Dashes: the share to keep."
        ),
    ),
    "contenders": (
        mark("Contenders"),
        mark(
            "Representations and engines in one field, by what they keep of the baseline's "
            "Recall@10 over the whole gallery, by the bytes of all that is stored to search, and "
            "by the median time of single queries. Filled: on the front, where nothing else keeps "
            "as much in as few bytes and as little time, by point estimates; what was not timed, "
            "a cross, is held against its like. Larger is slower; lines are 95% intervals."
        ),
    ),
    "slices": (
        mark("Slices"),
        mark(
            "Where the recommended representation loses most Recall@10 against the baseline: the "
            "slices of the queries by an attribute, such as a category or the words of a caption, "
            "with paired 95% intervals. Slices of fewer than 30 visual items are left out; p_holm, "
            "in the numbers, is corrected for all slices of all attributes."
        ),
    ),
    "speed": (
        mark("Speed"),
        mark(
            "Queries a second in batches, over the whole gallery, as cmr bench measured them: all "
            "of one machine and one set of settings. The time that an evaluation takes is not "
            "the speed of a search, and is not drawn."
        ),
    ),
    "latency": (
        mark("Latency of single queries"),
        mark(
            "Milliseconds of one query at a time against the number of candidates, as cmr bench "
            "measured them: the point is the median, the line goes up to the 99th percentile. One "
            "machine and one set of settings."
        ),
    ),
    "ann": (
        mark("ANN recall against speed"),
        mark(
            "How far a search agrees with the exact one of the same vectors, against queries a "
            "second in batches. The axis is logarithmic in what is missed, so .99 and .999 are as "
            "far apart as .9 and .99; what misses nothing stands at 1. Up and to the right is "
            "better."
        ),
    ),
    "ranks": (
        mark("Rank distributions"),
        mark("Where the first relevant item stands in the whole gallery, as shares of queries."),
    ),
    "lift": (
        mark("Lift over chance"),
        mark(
            "The measure divided by what a random ranking expects. It grows with C because chance "
            "falls."
        ),
    ),
    "compare": (
        mark("Paired comparisons"),
        mark(
            "b − a in points of the measure over the whole gallery, query by query. Coloured where "
            "the difference is significant: p below 0.05 after Holm's correction for all pairs of "
            "the matrix, errors clustered by visual item."
        ),
    ),
}


BENCHED = ("latency", "ann")


ALTS = {
    "slices": mark("Points of the difference in Recall@10 by slice, {way}, {count} slices."),
    "contenders": mark(
        "Points of Recall@10 kept against bytes a vector, {way}, {count} contenders."
    ),
    "quality": mark("A measure against the number of candidates C, {way}, {count} runs."),
    "growth": mark(
        "Lines of Recall@10 against the size of the gallery, {way}, {count} runs; dashed where it "
        "is extrapolated."
    ),
    "bytes": mark("Points of what is kept against bytes a vector, {way}, {count} runs."),
    "speed": mark("Bars of queries a second in batches, {way}, {count} runs."),
    "latency": mark("Lines of milliseconds a query against the number of candidates C, {way}."),
    "ann": mark("Curves of queries a second against ANN recall, {way}."),
    "ranks": mark("Stacked bars of the ranks of the first relevant item, {way}, {count} runs."),
    "compare": mark("Matrix of paired differences in Recall@10 between representations, {way}."),
}
