-- Impossible held-out ranks: not exactly one for each pair of the run's ranks, with a different number of
-- relevant items or a different gallery, or with counts that the gallery cannot give.
-- @times: How often the pair occurs among held_out_ranks.
with
crossed as (
    select * from ranks semi join (select run_id from runs where folds > 0) as runs using (run_id)
),
found as (
    select
        run_id, query_id, item_id, count(*) as times,
        bool_and(
            above >= 0 and tied >= 0 and relevants_above >= 0 and relevants_tied >= 0
            and above + tied <= gallery - relevants
            and relevants_above + relevants_tied < relevants
        ) as can_be,
        any_value(relevants) as relevants, any_value(gallery) as gallery
    from held_out_ranks
    semi join (select run_id from runs) as runs using (run_id)
    group by run_id, query_id, item_id
),
final as (
    select run_id, query_id, item_id, coalesce(found.times, 0) as times
    from crossed
    full join found using (run_id, query_id, item_id)
    where
        found.times is distinct from 1
        or not found.can_be
        or crossed.relevants is distinct from found.relevants
        or crossed.gallery is distinct from found.gallery
)
select * from final
