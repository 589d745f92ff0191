-- metrics for some pools and K; see pools_of and sums for `which`, any_c, any_k and held_out.
create macro metrics_of(which, any_c, any_k, held_out := false) as table
with
wanted as (
    select found.*, measures.has_k, measures.better, measures.of
    from sums(which, any_c, any_k, held_out := held_out, moments := true) as found
    inner join measures using (measure)
    where
        known_here(measures, found, any_k)
        and (measures.of <> 'lists' or found.total is not null)
),
-- The ranks of the first relevant items, in order. If m items share a query's best score, there are m
-- equal rows.
firsts as (
    select run_id, list_sort(flatten(list(ranks))) as ranks, list_sort(flatten(list(chances))) as chances
    from (
        select
            run_id, round(sum(coalesce(alike, 1)) / (coalesce(relevants_tied, 0) + 1))::bigint as queries,
            list_transform(range(queries), lambda i: above + 1 + tied / (relevants_tied + 2)) as ranks,
            list_transform(range(queries), lambda i: (gallery + 1) / (relevants + 1)) as chances
        from query_table(case when held_out then 'evidence' else 'ranks' end)
        where relevants_above = 0 and which in ('asked', 'full') and alike is distinct from 0
        group by run_id, above, tied, relevants_tied, gallery, relevants
    )
    group by run_id
),
estimated as (
    select
        *,
        mean_of(wanted) as mean,
        mean_spread(wanted) as spread,
        -- For a median with visual items as clusters, the effective number of queries (Kish 1965) counts.
        case
            when of = 'median'
                then ceil(
                    sign_place(floor(weight ** 2 / nn + 1e-9)::bigint) * weight
                    / floor(weight ** 2 / nn + 1e-9) - 1e-9
                )::bigint
        end as place
    from wanted
),
final as (
    select
        estimated.run_id, runs.dataset, runs.qrels, runs.model, runs.direction, runs.dim, runs.dim_method,
        runs.precision, runs.quantizer, runs.scorer, runs.variant,
        shown_fit(runs.fit, runs.evidence_fit, estimated.protocol, held_out is distinct from true) as fit,
        shown_protocol(estimated.protocol, runs.grouped) as protocol,
        estimated.candidates, estimated.measure, case when has_k then k end as k,
        case of when 'median' then case when total is not null then list_median(ranks) end else mean end as value,
        case
            when of = 'median' then case when total is not null then ranks[place] end
            else mean_low(estimated, mean, spread)
        end as ci_low,
        case
            when of = 'median'
                then case when total is not null then ranks[len(ranks) + 1 - place] end
            else mean_high(estimated, mean, spread, estimated.candidates)
        end as ci_high,
        case of when 'median' then list_median(chances) else estimated.chance end as chance,
        case of
            when 'median' then case when total is not null then list_median(ranks) end else mean
        end / case of when 'median' then list_median(chances) else estimated.chance end as lift,
        runs.queries, case when estimated.protocol = 'sampled' then runs.draws end as draws
    from estimated
    inner join runs using (run_id)
    left join firsts on firsts.run_id = estimated.run_id and estimated.of = 'median'
)
select * from final;
