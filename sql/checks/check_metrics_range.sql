-- Impossible figures: a value, chance or end of an interval outside its measure's range, an interval
-- without a value or not around it, or a missing figure that a run that ranks everything must have. Shares
-- are between 0 and 1, ranks between 1 and the gallery size.
with
bounded as (
    select
        metrics.*,
        case measures.better when 'lower' then 1 else 0 end as least_,
        case measures.better when 'lower' then metrics.candidates else 1 end as most,
        measures.better, runs.list_length
    from metrics
    inner join measures using (measure)
    inner join runs using (run_id)
),
final as (
    select run_id, protocol, candidates, measure, k, value, ci_low, ci_high, chance, lift
    from bounded
    where
        -- Tolerates rounding. NaN is greater than everything.
        value not between least_ - 1e-9 and most + 1e-9
        or chance is null
        or chance not between least_ - 1e-9 and most + 1e-9
        or chance = 0
        or (value is null and list_length is null)
        or (lift is null) <> (value is null)
        or abs(lift * chance - value) > 1e-9 * most
        -- With few visual items the interval of a mean rank may have no upper end.
        or (better = 'higher' and (ci_low is null) <> (ci_high is null))
        or (value is null and ci_low is not null)
        or ci_low not between least_ - 1e-9 and value + 1e-9
        or ci_high not between value - 1e-9 and most + 1e-9
)
select * from final
