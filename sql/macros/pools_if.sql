-- Pools of one protocol if it is among the requested ones, else none.
pools_if(protocols, protocol_name, sizes) as
    case when list_contains(protocols, protocol_name) then named_pools(protocol_name, sizes) else [] end
