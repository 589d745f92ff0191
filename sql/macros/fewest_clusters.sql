-- The fewest visual items on which advice rests. With fewer, ranks that are all the same are not sure
-- to keep 85%, and a recall of .6 is known to .2 and no better (docs/method.md).
fewest_clusters() as
    (30)
