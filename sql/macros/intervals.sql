-- The sum of all values, NULL if any of them is: a measure with an unknown part is unknown.
create macro sum_known(x) as
    nullif(sum(coalesce(x, 'nan'::double)), 'nan'::double);

-- Variance of a sum with clustered errors: `residual` is the sum over clusters of their squared
-- deviations, `size` that of their squares; the factor G / (G - 1) as in Cameron and Miller (2015),
-- section II. A value of at most 1e-12 `size` is a rounded zero. NULL with a single cluster.
create macro cluster_spread(residual, size, clusters) as
    (
        case
            when clusters <= 1 then null
            when residual <= 1e-12 * size then 0.0
            else residual * clusters / (clusters - 1)
        end
    );

-- The size of the pieces by which a sum over clusters moves beyond what was observed: how much a cluster
-- that differs at all differs by, times how one-sided the differences are. Estimated from the observed
-- clusters, by their Σ d² and Σ |d|, together with three that move by the worst possible amount, so that
-- unobserved differences count until enough were observed; `net` is how far the sum already moved that way,
-- 0 if it did not.
create macro piece(squares, absolutes, worst, net) as
    (
        (squares + 3 * worst * worst) / (absolutes + 3 * worst)
        * (3 * worst + greatest(net, 0)) / (absolutes + 3 * worst)
    );

-- How far a sum over clusters may be from the observed one at a quantile t of Student's t: the root of
-- reach² = t² (spread + piece * reach), because whatever moves the sum comes in pieces (see piece), which
-- add variance.
create macro reach_at(t, spread, piece) as
    (
        list_transform(
            [{'half': t ** 2 * piece / 2, 'still': t ** 2 * spread}],
            lambda one: one.half + sqrt(one.half * one.half + one.still)
        )[1]
    );

-- How far a sum over clusters may be from the observed one, by its 95% score interval (see reach_at). If
-- nothing differs, it is t² times the worst, the counterpart of the rule of three. more: standard errors
-- added to t; .842 gives the distance that is detected with 80% power.
create macro score_reach(spread, piece, clusters, more := 0.0) as
    (reach_at(t_quantile(clusters) + more, spread, piece));

-- The variance of the sum behind a run's retention of its baseline, paired by cluster: that of x - kept y,
-- from both runs' sums Σx² Σxy Σy².
create macro kept_spread(kept, xx, xy, yy, clusters) as
    (cluster_spread(xx - 2 * kept * xy + kept * kept * yy, xx, clusters));

-- What kept_reaches asks of a run and its baseline: the most that a cluster can lose is all it has, the mean
-- of y over the baseline's value, and runs of the same ranks (alike) differ by nothing. t_all: among `looks`
-- figures.
create macro kept_parts(total, base, xx, xy, yy, clusters, looks) as {
    'kept': total / nullif(base, 0),
    't': t_quantile(clusters),
    't_all': t_among(clusters, looks),
    'kept_spread': kept_spread(total / nullif(base, 0), xx, xy, yy, clusters),
    'alike_spread': kept_spread(base / nullif(base, 0), yy, yy, yy, clusters),
    'worst': yy / nullif(base, 0)
};

-- How far the sum behind a run's retention may be off, below and above, and below for all figures together;
-- and the lower bound for all together of runs of the same ranks. pair: kept_parts, the sums total and base,
-- and those of the differences, Σ(x-y)² as dd and Σ|x-y| as ad.
create macro kept_reaches(pair) as {
    'below': reach_at(pair.t, pair.kept_spread, piece(pair.dd, pair.ad, pair.worst, pair.base - pair.total)),
    'above': reach_at(pair.t, pair.kept_spread, piece(pair.dd, pair.ad, pair.worst, pair.total - pair.base)),
    'below_all': reach_at(
        pair.t_all, pair.kept_spread, piece(pair.dd, pair.ad, pair.worst, pair.base - pair.total)
    ),
    'alike_low': pair.base / (pair.base + reach_at(pair.t_all, pair.alike_spread, piece(0, 0, pair.worst, 0)))
};

-- The share u of the mixture in share_end: the root of u² h = q (1 - u) (v + u h), where q is t² / clusters,
-- v the variance of a cluster's mean and h the squared distance to the bound.
create macro mixed_share(q, v, h) as
    (
        list_transform(
            [{'q': q, 'v': v, 'h': h, 'b': q * (h - v)}],
            lambda one: (one.b + sqrt(one.b * one.b + 4 * (1 + one.q) * one.h * one.q * one.v))
            / (2 * (1 + one.q) * one.h)
        )[1]
    );

-- The end towards `bound`, 0 or 1, of the 95% score interval of a mean of values from 0 to 1, over `total`
-- queries in clusters; `spread` is the variance of their sum. It equals Wilson's interval (1927) if values
-- are 0 or 1 and every cluster has one query: the mean is moved by mixing the sample with clusters of
-- average size at the bound, until the move is t standard errors of the mixture. Never outside [0, 1], and
-- never of zero width.
create macro share_end(value, spread, total, clusters, bound) as
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
    );

-- The sums over clusters that a mean and its error need, from a measure's sums s over clusters of n queries
-- each; and, from the rows with is_chance, what a random ranking expects. NULL if a sum is unknown. times: how
-- many clusters a row stands for.
create macro moments_of(n, is_chance, s, times := 1) as {
    'total': sum_known(case when is_chance then 0.0 else times * s end),
    'squared': sum_known(case when is_chance then 0.0 else times * s * s end),
    'product': sum_known(case when is_chance then 0.0 else times * n * s end),
    'chance': sum(s) filter (is_chance) / sum(n) filter (is_chance)
};

-- How far the values of drawn pools are from their expectation, over queries: pair.m is a query's
-- expectation, pair.n and pair.s the number and sum of its drawn values. pools is their total number, off
-- the sum of the differences, variance the largest possible variance of shares with these expectations.
create macro drawn_moments(pair) as {
    'pools': coalesce(sum(case when pair.m is not null then pair.n end), 0)::bigint,
    'off': sum(pair.s - pair.n * pair.m),
    'variance': sum(case when pair.s is not null then pair.n * greatest(pair.m * (1 - pair.m), 0) end)
};

-- A measure's mean over queries from its moments over clusters (moments_of), with nn = Σ n², the number
-- `weight` of queries and of `clusters`: values that rounding keeps from 1, on either side, are 1; ranks have
-- no such end.
create macro mean_of(moment) as
    (
        case
            when moment.better = 'higher' and moment.total > moment.weight * (1 - 1e-12) then 1.0
            else moment.total / moment.weight
        end
    );

-- The variance of the sum behind mean_of: Σ (s - n value)².
create macro mean_spread(moment) as
    (
        cluster_spread(
            moment.squared - 2 * moment.total / moment.weight * moment.product
            + (moment.total / moment.weight) ** 2 * moment.nn,
            moment.squared, moment.clusters
        )
    );

-- How far the sum behind a mean rank may be off: what moves in pieces is the sum of the ranks' distances
-- from the first place, of which `net` already moved that way.
create macro rank_reach(moment, spread, net) as
    (
        score_reach(
            spread,
            piece(
                moment.squared - 2 * moment.product + moment.nn, moment.total - moment.weight, 1, net
            ),
            moment.clusters
        )
    );

-- Lower end of the 95% interval of mean_of.
create macro mean_low(moment, value, spread) as
    (
        case
            when moment.better = 'lower'
                then 1 + (moment.total - moment.weight) / moment.weight * (
                    (moment.total - moment.weight)
                    / (moment.total - moment.weight + rank_reach(moment, spread, 0))
                )
            else share_end(value, spread, moment.weight, moment.clusters, 0)
        end
    );

-- Upper end of the 95% interval of mean_of; a rank is at most `most`.
create macro mean_high(moment, value, spread, most) as
    (
        case
            when moment.better = 'higher'
                then share_end(value, spread, moment.weight, moment.clusters, 1)
            when spread is not null
                then least(
                    most,
                    value + rank_reach(moment, spread, moment.total - moment.weight) / moment.weight
                )
        end
    );
