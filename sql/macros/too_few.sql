-- That so many visual items cannot be sure of a share, whatever is measured on them, in words; `low`
-- is the lower end that they give to ranks that are all the same.
too_few(clusters, low, retain) as
    (
        printf(
            '%d visual items are too few to be sure of %.4g%%: even where no query differs they are '
            || 'sure of no more than %.1f%%; it takes some %d',
            clusters::bigint, 100 * retain, floor(1000 * low) / 10,
            ceil(clusters * (1 / low - 1) / (1 / retain - 1))::bigint
        )
    )
