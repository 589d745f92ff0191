-- Pools of one protocol, of each of some sizes once.
named_pools(protocol_name, sizes) as
    list_transform(list_distinct(sizes), lambda c: {'protocol': protocol_name, 'candidates': c})
