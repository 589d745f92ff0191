-- What a random ranking expects of hit_rate, mrr and the like, for each number of relevant items.
-- @queries_weight: Share of the run's queries that have so many relevant items.
-- @recall: Expected recall@K, K / C.
-- @hit_rate: Expected hit_rate@K, 1 - C(C-R, K) / C(C, K).
-- @mrr_at: Expected mrr@K.
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
final as (
    select
        run_id, protocol, candidates, relevants, queries_weight, k,
        least(k, candidates) / candidates as recall,
        -- The first case is the same number, without 1 - (a number near 1).
        case
            when relevants = 1 or k = 1 then greatest(relevants, least(k, candidates)) / candidates
            else 1 - choose_ratio(candidates - relevants, candidates, least(k, candidates))
        end as hit_rate,
        reciprocal_chance(relevants, candidates, k) as mrr_at,
        relevants * least(k, candidates) / (candidates::double * k) as precision
    from shares
    inner join int_pools using (run_id)
    inner join int_cutoffs using (run_id)
)
select * from final
