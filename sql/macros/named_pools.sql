-- Pools of one protocol, one for each of several sizes.
named_pools(protocol_name, sizes) as
    list_transform(list_distinct(sizes), lambda c: {'protocol': protocol_name, 'candidates': c})
