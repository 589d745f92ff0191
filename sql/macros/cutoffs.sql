-- The cut-offs K of a run: any_k, or the requested ones and 1, 5 and 10.
cutoffs(any_k, ks) as
    case when any_k is null then list_distinct(list_concat([1, 5, 10], ks)) else [any_k] end
