-- Pools of one protocol where it is among those that were asked for, else none.
pools_if(protocols, protocol_name, sizes) as
    case when list_contains(protocols, protocol_name) then named_pools(protocol_name, sizes) else [] end
