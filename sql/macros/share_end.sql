-- The end towards `bound`, 0 or 1, of the 95% score interval of a mean of values from 0 to 1, over `total`
-- queries in clusters; `spread` is the variance of their sum. It equals Wilson's interval (1927) if values
-- are 0 or 1 and every cluster has one query: the mean is moved by mixing the sample with clusters of
-- average size at the bound, until the move is t standard errors of the mixture. Never outside [0, 1], and
-- never of zero width.
share_end(value, spread, total, clusters, bound) as
    (
        case
            when clusters <= 1 or spread is null then null
            when abs(bound - value) <= 1e-12 then bound::double
            else
                value + (bound - value) * mixed_share(
                    t_quantile(clusters) ** 2 / clusters,
                    spread * clusters / (total * total),
                    (bound - value) ** 2
                )
        end
    )
