-- K, if it can be one: a whole number, 1 or more.
whole_k(given) as
    case
        when given = given::bigint and given >= 1 then given::bigint
        else error('K must be a whole number, 1 or more')::bigint
    end
