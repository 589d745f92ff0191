-- The best DCG at K of a query: of `gains`, its judgments from the highest on; where they are binary
-- `gains` is empty, and it is that of R items. `burges`: with gain 2^relevance - 1.
ideal_sum(k, relevants, gains, burges) as
    case
        when len(gains) = 0 then discount_sum(least(k, relevants))
        else list_sum(list_transform(
            gains[:k],
            lambda gain, place: case when burges then 2 ** gain - 1 else gain end / log2(place + 1)
        ))
    end
