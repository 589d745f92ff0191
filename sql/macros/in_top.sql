-- Whether an item is in the top K; false if a list of K or more lacks it, NULL if unknown.
in_top(rank_, list_length_, top_) as
    (coalesce(rank_ <= top_, case when top_ <= list_length_ then false end))
