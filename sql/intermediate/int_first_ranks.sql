-- Average precision and the first relevant item's rank of every query, over the whole gallery;
-- NULL where a list does not tell them.
-- @cluster: The visual item that the query's errors are clustered by.
-- @average_precision: Mean over the relevant items of precision at their rank.
-- @first_rank: Rank of the first relevant item, expected over the order inside ties.
with
full_gallery as (
    select
        run_id, candidates, query_id, cluster, relevants, above, tied, relevants_above,
        relevants_tied,
        above + relevants_above as base,
        tied + relevants_tied + 1 as g,
        -- At place p of its group, p × this relevant items of the group come before an item.
        case
            when tied + relevants_tied = 0 then 0.0
            else relevants_tied / (tied + relevants_tied)
        end as slope
    from int_pairs
    where protocol = 'full'
),
final as (
    select
        run_id, candidates, query_id, cluster, relevants,
        sum_known(
            case
                when g = 1 then (relevants_above + 1.0) / (base + 1)
                else (relevants_above + 1 - slope * (base + 1))
                    * (harmonic(base + g) - harmonic(base)) / g + slope
            end
        ) / relevants as average_precision,
        sum_known(
            case
                when relevants_above > 0 then 0.0
                else (above + 1 + tied / (relevants_tied + 2)) / (relevants_tied + 1)
            end
        ) as first_rank
    from full_gallery
    group by run_id, candidates, query_id, cluster, relevants
)
select * from final
