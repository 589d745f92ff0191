-- The fewest visual items on which advice is based. With fewer, even identical ranks are not sure to keep
-- 88%, and a recall of .6 is known only to ±.18 (docs/method.md).
fewest_clusters() as
    (30)
