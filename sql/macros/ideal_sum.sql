-- The ideal DCG at K of a query: from `gains`, its judgments in descending order; for binary judgments
-- `gains` is empty, and it is that of R items. `burges`: with gain 2^relevance - 1.
ideal_sum(k, relevants, gains, burges) as
    case
        when len(gains) = 0 then discount_sum(least(k, relevants))
        else list_sum(list_transform(
            gains[:k],
            lambda gain, place: case when burges then 2 ** gain - 1 else gain end / log2(place + 1)
        ))
    end
