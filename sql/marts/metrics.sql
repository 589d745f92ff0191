-- Every measure of every run, protocol, C and K, with its 95% interval, chance and lift.
-- mrr@k with k = 10 is mrr@10: the reciprocal rank counts 0 where it is beyond K.
-- Values are expectations over a uniformly random order inside ties; map, mean_rank and
-- median_rank are of the full protocol alone, and of ranks lower is better, in value and lift.
-- ann_recall is no quality but how far an approximate list agrees with an exact search. Of a run
-- that returns lists, what would need ranks beyond them is NULL.
-- Intervals are score intervals clustered by visual item, within the measure's range: share_end, and
-- of mean_rank score_reach, of median_rank the sign test (medians).
select * from metrics_of('asked', null, null)
