-- That this many visual items cannot be sure of a share, whatever is measured on them, in words; `low` is
-- the lower bound that they give for identical ranks.
too_few(clusters, low, retain) as
    (
        printf(
            '%d visual items are too few to be sure of %.4g%%: even if no query differs, they are '
            || 'sure of at most %.1f%%',
            clusters::bigint, (100 * retain)::double, floor(1000 * low) / 10
        )
        || coalesce(printf('; about %d are needed', clusters_needed(clusters, low, retain)), '')
    )
