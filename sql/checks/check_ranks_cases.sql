-- Cases that are numbered or counted wrongly, so that metrics are wrong: pairs without a number, or with
-- the number of other counts; a case_pairs that is not on one pair of its case, the first of the clusters that
-- are alike among them, with the number of its pairs; clusters with the same cases that are not as many as their
-- alike adds up to. Runs of earlier versions have no numbers.
-- @found_in: The table that has them.
-- @pairs: How many pairs have the number; NULL for clusters.
-- @clusters: How many clusters have the same cases; NULL for a single case.
-- @stated: How many pairs, or clusters, they are by case_pairs, or alike.
with
counted as (
    select
        found_in, run_id, candidates, cluster, case_no, case_pairs, alike,
        hash(relevance, above, tied, relevants_above, relevants_tied, relevants, ideal_gains) as counts
    from (
        select 'ranks' as found_in, * from ranks
        union all by name
        select 'held_out_ranks' as found_in, * from held_out_ranks
        union all by name
        select 'sampled_ranks' as found_in, * from sampled_ranks
    )
    semi join (select run_id from catalogue_runs where has_cases) as numbered using (run_id)
),
clustered as (
    select
        found_in, run_id, candidates, min(alike) as alike, min(alike) is distinct from max(alike) as differ,
        count(*) as pairs, sum(hash(case_no)) as cases
    from counted
    group by found_in, run_id, candidates, cluster
),
final as (
    select
        found_in, run_id, candidates, case_no, count(*) as pairs, null::bigint as clusters,
        sum(case_pairs)::bigint as stated
    from counted
    group by found_in, run_id, candidates, case_no
    having
        case_no is null
        or stated <> pairs
        or count(case_pairs) < pairs
        or count(alike) < pairs
        or count(*) filter (case_pairs <> 0 and alike > 0) <> 1
        or count(*) filter (case_pairs <> 0) <> 1
        or min(counts) <> max(counts)
    union all
    select
        found_in, run_id, candidates, null as case_no, null as pairs, count(*) as clusters,
        sum(alike)::bigint as stated
    from clustered
    group by found_in, run_id, candidates, pairs, cases
    having stated is distinct from clusters or bool_or(differ)
)
select * from final
