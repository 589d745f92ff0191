-- Whether a text begins with one of several prefixes; true if these are NULL.
begins_with(given, beginnings) as
    (beginnings is null or len(list_filter(beginnings, lambda one: starts_with(given, one))) > 0)
