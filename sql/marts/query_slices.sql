-- The slices of every query, a row for each attribute and value: its own or, of an attribute that only the
-- other side has, those of its relevant items, each once. An attribute all of whose values are numbers, more
-- than eight different ones, is cut at the quartiles of the data set's items; a band is named by the
-- smallest and the largest value in it.
-- @name: The attribute, as in item_attributes.
-- @slice: The value, or the band of values.
-- @place: By what slices are ordered: the number, or the smallest one of the band.
with
kinds as (
    select
        dataset, modality, name,
        case
            when count(number) = count(*) and count(distinct number) > 8
                then quantile_disc(number, [0.25, 0.5, 0.75])
        end as cuts
    from item_attributes
    group by dataset, modality, name
),
banded as (
    select
        found.dataset, found.modality, found.item_id, found.name, found.value, found.number,
        len(list_filter(kinds.cuts, lambda cut: cut < found.number)) as band
    from item_attributes as found
    inner join kinds using (dataset, modality, name)
),
ends as (
    select dataset, modality, name, band, min(number) as low, max(number) as high
    from banded
    group by dataset, modality, name, band
),
-- Whether the short names of an attribute's ends tell them apart; those of times in seconds may not.
named as (
    select
        dataset, modality, name,
        list_distinct(flatten(list([low, high]))) as numbers,
        len(list_distinct(list_transform(numbers, lambda one: number_name(one)))) = len(numbers) as short
    from ends
    where band is not null
    group by dataset, modality, name
),
sliced as materialized (
    select
        banded.dataset, banded.modality, banded.item_id, banded.name,
        case
            when band is null then banded.value
            when ends.low = ends.high then if(named.short, number_name(ends.low), ends.low::varchar)
            when named.short then number_name(ends.low) || ' to ' || number_name(ends.high)
            else ends.low || ' to ' || ends.high
        end as slice,
        case when band is null then banded.number else ends.low end as place
    from banded
    left join ends using (dataset, modality, name, band)
    left join named using (dataset, modality, name)
),
paired as materialized (
    select
        *,
        case direction when 't2v' then 'text' else 'visual' end as own_side,
        case direction when 't2v' then 'visual' else 'text' end as other_side
    from judgments
),
final as (
    select distinct
        paired.dataset, paired.qrels, paired.direction, paired.query_id, sliced.name, sliced.slice,
        sliced.place
    from paired
    inner join sliced
        on
            sliced.dataset = paired.dataset
            and sliced.modality = paired.own_side
            and sliced.item_id = paired.query_id
    union all
    select distinct
        paired.dataset, paired.qrels, paired.direction, paired.query_id, sliced.name, sliced.slice,
        sliced.place
    from paired
    inner join sliced
        on
            sliced.dataset = paired.dataset
            and sliced.modality = paired.other_side
            and sliced.item_id = paired.item_id
    anti join kinds
        on
            kinds.dataset = paired.dataset
            and kinds.modality = paired.own_side
            and kinds.name = sliced.name
)
select * from final
