-- What one gains and loses with each run instead of its baseline, over the whole gallery, in figures and in
-- a sentence: one row per run, measure and K. Speeds come from one bench on one machine (int_pace); if run
-- and baseline took turns in one race, the ratio is the median over the rounds, with the smallest and
-- largest as its ends.
-- @kept: The measure / the baseline's.
-- @kept_low: Lower end of its 95% interval.
-- @kept_high: Upper end of its 95% interval.
-- @bytes_share: vector_bytes / the baseline's.
-- @throughput: Queries per second / the baseline's, in batches; NULL without a bench of both.
-- @throughput_low: The smallest throughput of any round; NULL if they did not take turns.
-- @throughput_high: The largest throughput of any round; NULL if they did not take turns.
-- @latency: Median time of a single query / the baseline's.
-- @together: Whether both took turns in one race.
-- @baseline: The run it is compared with: fp32 at the native dimension, else the finest that is not expanded.
-- @baseline_is: native fp32, or finest available.
-- @unearned: Why this row gives no advice, in words; NULL if it may.
-- @fit: How the figures were fitted, as in retention.
-- @sentence: All of this in words; if no advice is justified, the reason, with bytes and speed.
-- @conditions: Hash of machine, threads, k and batch.
with
rounds as (
    select contender, conditions, race, each from int_benched where stage = 'batch'
),
paired as (
    select
        mine.run_id, runs.baseline, mine.conditions, mine.machine,
        mine.queries_per_second / base.queries_per_second as throughput,
        mine.p50_ms / base.p50_ms as latency,
        mine.race = base.race as together,
        list_transform(
            list_zip(theirs.each, own.each), lambda pair: pair[1] / pair[2]
        ) as ratios
    from int_baselines as runs
    inner join int_pace as mine on mine.run_id = runs.run_id
    inner join int_pace as base
        on
            base.run_id = runs.baseline
            and base.conditions = mine.conditions
    left join rounds as own
        on
            own.contender = mine.contender
            and own.conditions = mine.conditions
            and mine.race = base.race
    left join rounds as theirs
        on theirs.contender = base.contender and theirs.conditions = base.conditions
),
figures as (
    select
        retention.*,
        base.vector_bytes as base_bytes,
        retention.vector_bytes / base.vector_bytes as bytes_share,
        case
            when paired.together then list_median(paired.ratios) else paired.throughput
        end as throughput,
        case when paired.together then list_min(paired.ratios) end as throughput_low,
        case when paired.together then list_max(paired.ratios) end as throughput_high,
        paired.latency, paired.together, paired.conditions, paired.machine,
        concat_ws(
            ' ', retention.precision, 'at', retention.dim,
            case when retention.dim_method not in ('native', 'pca') then retention.dim_method end,
            case when retention.scorer <> base.scorer then 'by ' || retention.scorer end,
            '(' || nullif(retention.variant, '') || ')'
        ) as who,
        concat_ws(
            ' ', base.precision, 'at', base.dim,
            case when base.dim_method not in ('native', 'pca') then base.dim_method end,
            case when base.scorer <> 'torch' then 'by ' || base.scorer end
        ) as whose,
        case retention.measure
            when 'recall' then 'Recall' when 'hit_rate' then 'hit rate' else upper(retention.measure)
        end || coalesce('@' || retention.k, '') as named
    from retention
    inner join runs as base on base.run_id = retention.baseline
    left join paired on paired.run_id = retention.run_id
    where retention.run_id <> retention.baseline and retention.retention is not null
),
final as (
    select
        run_id, dataset, qrels, model, direction, dim, dim_method, precision, quantizer, scorer,
        variant, measure, k, retention as kept, ci_low as kept_low, ci_high as kept_high,
        vector_bytes, bytes_share, throughput, throughput_low, throughput_high, latency, together,
        case
            when unearned is null
                then
                printf('%s keeps %.1f%%', who, 100 * retention)
                || coalesce(printf(' [%.1f, %.1f]', 100 * ci_low, 100 * ci_high), '')
                || printf(' of the %s of %s (%s, whole gallery', named, whose, direction)
                || case when fit in ('held out', 'cross-fitted') then ', held-out queries' else '' end
                || ') at '
            else
                printf(
                    'What %s keeps of the %s of %s (%s, whole gallery) cannot be said (%s); it has ',
                    who, named, whose, direction, unearned
                )
        end
        || share_words(bytes_share) || ' the bytes'
        || coalesce(
            printf(' and %.2gx', throughput)
            || coalesce(printf(' [%.2g, %.2g]', throughput_low, throughput_high), '')
            || ' the throughput'
            || case when together then '' else ', measured apart' end,
            ''
        ) as sentence,
        unearned, baseline, baseline_is, conditions, machine, fit
    from figures
    order by dataset, qrels, model, direction, measure, k, vector_bytes, run_id
)
select * from final
