-- What a random ranking expects of hit_rate, mrr and the like, for each number of relevant items.
-- @queries_weight: Share of the run's queries that have so many relevant items.
-- @recall: Expected recall@K, K / C.
-- @hit_rate: Expected hit_rate@K, 1 - C(C-R, K) / C(C, K).
-- @precision: Expected precision@K.
with
per_run as (
    select run_id, relevants, sum(1.0 / relevants) as queries
    from ranks
    group by run_id, relevants
),
shares as (
    select
        run_id, relevants, queries / sum(queries) over (partition by run_id) as queries_weight
    from per_run
),
pools as (
    select run_id, gallery as candidates, 'full' as protocol from runs
    union
    select run_id, unnest(candidates) as candidates, 'expected' as protocol from runs
    union
    select run_id, unnest(sampled_candidates) as candidates, 'sampled' as protocol from runs
),
final as (
    select
        run_id, protocol, candidates, relevants, queries_weight, k,
        least(k, candidates) / candidates as recall,
        1 - choose_ratio(candidates - relevants, candidates, least(k, candidates)) as hit_rate,
        relevants * least(k, candidates) / (candidates * k) as precision
    from shares
    inner join pools using (run_id)
    inner join int_cutoffs using (run_id)
)
select * from final
