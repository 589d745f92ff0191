-- Words and attribute values that are more frequent among the queries whose first relevant item leaves the
-- top K from run a to run b than among the others that could: `from flip_words('3f0c', '81d2')`, `… top := 5,
-- change := 'enters')`. Ids may be abbreviated. A text's words are its own, a visual's those of its relevant
-- texts; attributes are those of query_slices. Every term of five visual items or more is looked at, and
-- has a row. p is one-sided, the larger of two: Fisher's exact p-value of the table of queries, and that of
-- the clustered score test, because captions of one visual flip together. p_holm is corrected for all terms.
-- @kind: word, or the name of an attribute.
-- @term: The word, or the slice of the attribute.
-- @flips: Queries with the term that flip.
-- @queries: Queries with the term that could flip: those in the top K in run a, or with enters those outside.
-- @share: flips / queries.
-- @other_share: The same share of the queries without the term.
-- @odds_ratio: Of flipping with the term to without it, with a half added to each count (Haldane 1956).
-- @p: One-sided p-value of the term not being more frequent among flips.
-- @p_holm: p after Holm's correction for all terms that were looked at.
-- @looked: Number of terms that were looked at.
-- @clusters: Number of visual items whose queries have the term.
-- @example: The text of a query with the term that flips, or the location of its picture.
create macro flip_words(run_a, run_b, top := 10, change := 'leaves') as table
with
sides as materialized (
    from first_ranks where run_id in (find_run(run_a), find_run(run_b))
),
-- The queries that could flip, and whether they do.
risked as materialized (
    select
        x.dataset, x.qrels, x.direction, x.query_id, x.cluster,
        (in_top(x.rank, x.list_length, top) <> in_top(y.rank, y.list_length, top))::bigint as flipped
    from sides as x
    inner join sides as y
        on
            x.run_id = find_run(run_a)
            and y.run_id = find_run(run_b)
            and y.dataset = x.dataset
            and y.qrels = x.qrels
            and y.direction = x.direction
            and y.query_id = x.query_id
    where
        in_top(x.rank, x.list_length, top) = case change
            when 'leaves' then true
            when 'enters' then false
            else error('change is leaves or enters')::boolean
        end
),
said as (
    select risked.query_id, items.text
    from risked
    inner join items on items.dataset = risked.dataset and items.item_id = risked.query_id
    where risked.direction = 't2v' and items.modality = 'text'
    union all
    select risked.query_id, items.text
    from risked
    inner join judgments as judged
        on
            judged.dataset = risked.dataset
            and judged.qrels = risked.qrels
            and judged.direction = risked.direction
            and judged.query_id = risked.query_id
    inner join items on items.dataset = judged.dataset and items.item_id = judged.item_id
    where risked.direction = 'v2t' and items.modality = 'text'
),
terms as (
    select distinct query_id, 'word' as kind, unnest(words_in(text)) as term from said
    union all
    select slices.query_id, slices.name, slices.slice
    from query_slices as slices
    inner join risked
        on
            risked.dataset = slices.dataset
            and risked.qrels = slices.qrels
            and risked.direction = slices.direction
            and risked.query_id = slices.query_id
),
-- Of all queries and clusters: how many there are, the share that flips, and Σ of the squared sums by
-- cluster of what flips beyond that share.
whole as (
    select sum(n) as n, sum(f) as f, sum(f) / sum(n) as rate, sum((f - n * all_f / all_n) ** 2) as squares
    from (
        select
            count(*) as n, sum(flipped) as f, sum(count(*)) over () as all_n, sum(sum(flipped)) over () as all_f
        from risked
        group by cluster
    )
),
clustered as (
    select
        terms.kind, terms.term, sized.cluster, count(*) as n, sum(sized.flipped) as f,
        any_value(sized.all_n) as all_n, any_value(sized.all_f) as all_f,
        min(sized.query_id) filter (sized.flipped = 1) as example
    from terms
    inner join (
        select
            *, count(*) over of_cluster as all_n, sum(flipped) over of_cluster as all_f
        from risked
        window of_cluster as (partition by cluster)
    ) as sized using (query_id)
    group by terms.kind, terms.term, sized.cluster
),
counted as (
    select
        kind, term, count(*) as clusters, sum(clustered.n)::bigint as queries,
        sum(clustered.f)::bigint as flips, any_value(whole.n)::bigint as all_queries,
        any_value(whole.f)::bigint as all_flips, any_value(whole.rate) as rate,
        any_value(whole.squares) as squares,
        -- Σ B² and Σ B A: of a cluster's queries with the term, and of all of them.
        sum((clustered.f - rate * clustered.n) ** 2) as bb,
        sum((clustered.f - rate * clustered.n) * (all_f - rate * all_n)) as ba,
        min(example) as example
    from clustered
    cross join whole
    group by kind, term
    having count(*) >= 5 and sum(clustered.n) < any_value(whole.n)
),
weighed as (
    select
        *,
        flips - queries * rate as beyond,
        -- Σ (B - share A)², over clusters with and without the term.
        bb - 2 * queries / all_queries * ba + (queries / all_queries) ** 2 * squares as spread,
        list_sum(list_transform(
            range(flips, least(queries, all_flips) + 1),
            lambda x: pool_odds(all_queries, all_flips, queries, x, x - all_flips * queries / all_queries)
        )) as exact,
        t_p(beyond / sqrt(spread), clusters - 1) / 2 as beside,
        case
            when all_flips = 0 or spread <= 0 then 1.0
            else least(1.0, greatest(exact, case when beyond > 0 then beside else 1 - beside end))
        end as p
    from counted
),
ordered as (
    select *, holm_step(p) as step, count(*) over () as looked from weighed
),
final as (
    select
        ordered.kind, ordered.term, flips, queries, flips / queries as share,
        (all_flips - flips) / (all_queries - queries) as other_share,
        (flips + 0.5) * (all_queries - queries - all_flips + flips + 0.5)
        / ((queries - flips + 0.5) * (all_flips - flips + 0.5)) as odds_ratio,
        p, holm_max(step, p) as p_holm, looked, clusters,
        coalesce(items.text, items.uri) as example
    from ordered
    left join (
        select distinct dataset, case direction when 't2v' then 'text' else 'visual' end as side from risked
    ) as place on true
    left join items
        on
            items.dataset = place.dataset
            and items.modality = place.side
            and items.item_id = ordered.example
    order by p, odds_ratio desc, ordered.kind, ordered.term
)
select * from final;
