-- The fewest visual items on which advice rests. With fewer, ranks that are all the same are not sure
-- to keep 88%, and a recall of .6 is known to .18 (docs/method.md).
fewest_clusters() as
    (30)
