-- The run that every run is compared with: fp32 at the native dimension, the largest if there are
-- several; otherwise the finest available by bytes per vector, native dimensions first. It has the same
-- data, judgments, model and direction; runs that rank everything come first, and torch's come first. A
-- lifted dimension adds no information and is never a baseline; if there is nothing else, it is NULL, as it
-- is of lists that were imported, which have no representation.
-- @models: Number of models that were evaluated on the same data, judgments and direction.
-- @looks_across: Number of candidate runs of all of them that could replace the best.
-- @looks: Number of candidate runs: those with the same scorer, without the baseline.
-- @is_imported: Whether its lists were imported, so that it has no representation.
-- @baseline: Its run_id.
-- @baseline_is: native fp32, or finest available.
with
ranked as (
    select
        run_id, dataset, qrels, dataset_fingerprint, model, direction, scorer,
        first_value(case when dim_method <> 'expand' then run_id end) over finest as baseline,
        first_value(precision = 'fp32' and dim_method = 'native') over finest as is_native
    from runs
    window finest as (
        partition by dataset, qrels, dataset_fingerprint, model, direction
        order by
            (dim_method <> 'expand') desc,
            (list_length is null) desc,
            (precision = 'fp32' and dim_method = 'native') desc,
            (dim_method = 'native') desc,
            vector_bytes desc, dim desc, (scorer = 'torch') desc, (variant = '') desc, run_id
    )
),
final as (
    select
        run_id, dataset, qrels, dataset_fingerprint, direction, scorer = 'imported' as is_imported, baseline,
        case
            when baseline is null then null
            when is_native then 'native fp32'
            else 'finest available'
        end as baseline_is,
        greatest(1, count(*) filter (run_id is distinct from baseline) over (
            partition by dataset, qrels, dataset_fingerprint, model, direction, scorer
        )) as looks,
        count(*) over (
            partition by dataset, qrels, dataset_fingerprint, direction, scorer
        ) - 1 as looks_across,
        count(distinct model) filter (scorer <> 'imported') over (
            partition by dataset, qrels, dataset_fingerprint, direction
        ) as models
    from ranked
)
select * from final
