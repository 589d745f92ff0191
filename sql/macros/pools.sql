-- The cut-offs K of a run: any_k, or the requested ones and 1, 5 and 10.
create macro cutoffs(any_k, ks) as
    case when any_k is null then list_distinct(list_concat([1, 5, 10], ks)) else [any_k] end;

-- K, if it can be one: a whole number, 1 or more.
create macro whole_k(given) as
    case
        when given = given::bigint and given >= 1 then given::bigint
        else error('K must be a whole number, 1 or more')::bigint
    end;

-- Pools of one protocol, one for each of several sizes.
create macro named_pools(protocol_name, sizes) as
    list_transform(list_distinct(sizes), lambda c: {'protocol': protocol_name, 'candidates': c});

-- Pools of one protocol if it is among the requested ones, else none.
create macro pools_if(protocols, protocol_name, sizes) as
    case when list_contains(protocols, protocol_name) then named_pools(protocol_name, sizes) else [] end;

-- The sizes of growing galleries: 10, 20, 50, 100 and so on.
create macro growing() as
    [10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000, 500000, 1000000,
    2000000, 5000000, 10000000, 20000000, 50000000, 100000000, 200000000, 500000000, 1000000000, 2000000000,
    5000000000];

-- Whether a measure has a value in a slot of `sums`: over pools not all do, and those without a K have one
-- value, not one per K.
create macro known_here(measure, slot, any_k) as
    ((measure.over_pools or slot.protocol = 'full') and (measure.has_k or slot.k = coalesce(any_k, 1)));

-- Whether `sums` has measures that only the whole gallery has.
create macro with_whole(which, only_pools) as (which in ('asked', 'full') and not only_pools);

-- Whether it sums those apart from the others: faster, but with more steps to plan than where cases are found.
create macro whole_apart(moments) as (moments and cases_are_known());

-- A protocol by the one that ranks captions singly and is otherwise alike: figures are computed by that.
create macro plain_protocol(protocol_name) as
    case
        when protocol_name = 'grouped' then 'full'
        when starts_with(protocol_name, 'grouped_') then protocol_name[9:]
        else protocol_name
    end;

-- The protocol of a run's figure as it is shown.
create macro shown_protocol(protocol_name, is_grouped) as
    case
        when not is_grouped then protocol_name
        when protocol_name = 'full' then 'grouped'
        else 'grouped_' || protocol_name
    end;
