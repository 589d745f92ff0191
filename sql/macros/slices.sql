-- The words of a text: runs of letters and digits, in lower case. A text without spaces between its words,
-- such as Chinese, has few.
create macro words_in(given) as
    regexp_extract_all(lower(given), '[\pL\pN]+(?:[''’]\pL+)*');

-- A number as text, to six digits: whole numbers without a point.
create macro number_name(given) as
    case
        when given = round(given) and abs(given) < 1e15 then given::bigint::varchar
        else printf('%.6g', given)
    end;

-- The name of an attribute, if queries have it, or '' for NULL, which is any; else an error that says which
-- there are.
create macro known_attribute(given) as
    (
        select
            case
                when given is null and count(*) > 0 then ''
                when count(*) filter (name = given) > 0 then given
                when count(*) = 0
                    then error(
                        'no item has an attribute: captions, and further columns of the source, make '
                        || 'them; for a data set that is stored already, ingest it again'
                    )
                else error(
                    'no attribute is called ' || '''' || given || ''''
                    || '; there are ' || array_to_string(list_sort(list_distinct(list(name))), ', ')
                )
            end
        from (select distinct name from query_slices)
    );

-- metrics by the values of an attribute, over the whole gallery: `from metrics_by('category')`, `… any_k := 7,
-- of_runs := ['3f0c'])`. A query's slice is its own value or, of an attribute that only the other side has,
-- that of its relevant items (query_slices); one with several values counts in each. Every measure but the
-- median rank, with its 95% interval and chance over the queries of the slice. held_out := true gives the
-- figures on which claims are based, as in earned_metrics.
-- @name: The attribute.
-- @slice: The value of the attribute, or the band of values.
-- @place: By what slices are ordered: the number, or the smallest one of the band.
-- @queries: Queries of the slice.
-- @clusters: Number of visual items by which the errors are clustered.
-- @value: The measure over the queries of the slice.
create macro metrics_by(attribute, any_k := null, of_runs := null, held_out := false) as table
with
clustered as (
    select
        found.run_id, found.candidates, found.k, found.is_chance, found.cluster, slices.name, slices.slice,
        slices.place, count(*) as n,
        sum_known(columns(found.* exclude (
            run_id, protocol, candidates, k, is_chance, query_id, draw, cluster, n, measure, value
        ))) as '\0'
    from sums(
        'full', null, case when any_k is not null then whole_k(any_k) end, by_query := true,
        of_runs := of_runs, in_columns := true, held_out := held_out, with_chance := true
    ) as found
    inner join runs using (run_id)
    inner join query_slices as slices
        on
            slices.dataset = runs.dataset
            and slices.qrels = runs.qrels
            and slices.direction = runs.direction
            and slices.query_id = found.query_id
    where slices.name = known_attribute(attribute)
    group by
        found.run_id, found.candidates, found.k, found.is_chance, found.cluster, slices.name, slices.slice,
        slices.place
),
moments as (
    select
        run_id, candidates, k, name, slice, place,
        count(*) filter (not is_chance) as clusters,
        sum(n) filter (not is_chance) as weight,
        sum(n * n) filter (not is_chance) as nn,
        moments_of(n, is_chance, columns(* exclude (
            run_id, candidates, k, name, slice, place, is_chance, cluster, n
        ))) as '\0'
    from clustered
    group by run_id, candidates, k, name, slice, place
),
named as (
    select run_id, candidates, k, name, slice, place, measure, clusters, weight, nn, unnest(moment)
    from moments
    unpivot include nulls (moment for measure in (columns(* exclude (
        run_id, candidates, k, name, slice, place, clusters, weight, nn
    ))))
),
wanted as (
    select named.*, measures.has_k, measures.better
    from named
    inner join measures using (measure)
    where
        (measures.has_k or named.k = coalesce(any_k, 1))
        and measures.of <> 'median'
        and (measures.of <> 'lists' or named.total is not null)
),
estimated as (
    select *, mean_of(wanted) as mean, mean_spread(wanted) as spread from wanted
),
final as (
    select
        estimated.run_id, runs.dataset, runs.qrels, runs.model, runs.direction, runs.dim, runs.dim_method,
        runs.precision, runs.quantizer, runs.scorer, runs.variant,
        shown_fit(runs.fit, runs.evidence_fit, 'full', held_out is distinct from true) as fit,
        estimated.name, estimated.slice, estimated.place, estimated.measure,
        case when has_k then estimated.k end as k, mean as value,
        mean_low(estimated, mean, spread) as ci_low,
        mean_high(estimated, mean, spread, estimated.candidates) as ci_high,
        estimated.chance, mean / estimated.chance as lift, weight::bigint as queries, clusters
    from estimated
    inner join runs using (run_id)
)
select * from final;
