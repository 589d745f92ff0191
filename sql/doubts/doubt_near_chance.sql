-- Runs that find hardly more than a random ranking, under every protocol and C: by its 95% interval,
-- recall@10 is not shown to be above chance, or is shown to be below 1.5 times chance. Each run's figure
-- with the lowest chance is shown. Are these the vectors of these items, in this order? Were the pictures
-- really loaded? Is the ground truth inverted?
-- @says: What is wrong, in plain words.
with
told as (
    select
        *, ci_low <= chance or ci_high < 1.5 * chance as near,
        case plain_protocol(protocol)
            when 'full' then 'over the whole gallery'
            else protocol || ' at C = ' || candidates
        end as place
    from metrics
    -- With fewer queries an interval says nothing about the vectors.
    where measure = 'recall' and k = 10 and chance < 0.3 and queries >= fewest_clusters()
),
final as (
    select
        run_id, dataset, qrels, model, direction, dim, precision, protocol, candidates, value,
        ci_low, ci_high, chance,
        'recall@10 is ' || round(value, 4) || ' ' || place || ', 95% interval ' || round(ci_low, 4)
        || ' to ' || round(ci_high, 4) || ', and a random ranking expects ' || round(chance, 4)
        || ': the vectors do not belong to the items, the ground truth is inverted, the gallery is in '
        || 'a different order, or the model knows nothing about such data' as says
    from told
    qualify
        bool_and(near) over (partition by run_id)
        and row_number() over (partition by run_id order by chance, plain_protocol(protocol) = 'full' desc) = 1
)
select * from final
order by dataset, model, direction, value / chance, run_id
