-- b - a for one query, NULL if either is unknown. Equal values may differ in their last digits, by the
-- order of summation.
create macro paired_difference(a, b) as
    (
        case
            when a is null or b is null then null
            when abs(b - a) > 1e-12 * greatest(1, abs(a)) then b - a
            else 0.0
        end
    );

-- The sums over clusters that a ratio, a difference and their errors need: for every cluster, n is the
-- number of queries, and pair.x and pair.y are a measure's sums in a run and in its baseline.
create macro paired_moments(n, pair) as {
    'total': sum_known(pair.x),
    'base': sum_known(pair.y),
    'xx': sum_known(pair.x * pair.x),
    'yy': sum_known(pair.y * pair.y),
    'xy': sum_known(pair.x * pair.y),
    'nx': sum_known(n * pair.x),
    'ny': sum_known(n * pair.y),
    -- Of the difference itself, because Σx² - 2Σxy + Σy² cancels for small differences.
    'dd': sum_known((pair.x - pair.y) * (pair.x - pair.y)),
    'ad': sum_known(abs(pair.x - pair.y))
};

-- An end of the 95% score interval of a mean difference over `queries`, from the sum of differences and its
-- reach towards `side`, -1 or 1; within [-1, 1] for measures where higher is better, which are 0 to 1.
create macro difference_end(total, reach, queries, better, side) as
    (
        case
            when better = 'lower' or reach is null then (total + side * reach) / queries
            else greatest(-1, least(1, (total + side * reach) / queries))
        end
    );

-- Two-sided p-value of no difference: the level at which an end of the score interval of the sum of
-- differences (see score_reach) is at 0, by Student's t with clusters - 1 degrees of freedom. At least
-- 2^(1 - clusters), the smallest p-value of a sign-flip test with that many clusters; 1 if there is no
-- difference.
create macro difference_p(total, spread, piece, clusters) as
    (
        case
            when spread is null then null
            when abs(total) <= 1e-12 then 1.0
            else greatest(
                t_p(abs(total) / sqrt(spread + piece * abs(total)), clusters - 1),
                2.0 ** (1 - clusters)
            )
        end
    );

-- The smallest mean difference over `queries` that so many clusters would show in four of five samples,
-- by the 95% score interval of a difference: power 80%, two-sided level 5%. 0.8416 is the 80% quantile
-- of a normal variable. What is to be seen comes in pieces as large as those seen, all of them to one
-- side, and adds their variance, of which what was seen of it (total, the sum of the differences) has its
-- part already.
create macro unseen(spread, squares, absolutes, total, clusters, queries, worst) as
    (
        score_reach(
            greatest(
                spread - (squares + 3 * worst * worst) / (absolutes + 3 * worst) * abs(total), 0.0
            ),
            (squares + 3 * worst * worst) / (absolutes + 3 * worst), clusters,
            more := 0.8416212335729143
        ) / queries
    );

-- p times the number of p-values, among all rows', that are not smaller: the first step of Holm's (1979)
-- sequentially rejective correction. NULL, which was not tested, does not count.
create macro holm_step(p) as
    ((count(p) over () - row_number() over (order by p nulls last) + 1) * p);

-- Holm's second step: a corrected p-value is at most 1, and at least that of every smaller p.
create macro holm_max(step, p) as
    case when p is not null then max(least(1.0, step)) over (order by p) end;
