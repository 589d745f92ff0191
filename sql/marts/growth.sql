-- Every measure of every run against the size of the gallery, from 10 items to the whole, by the exact
-- expectation over random galleries: what a smaller collection would have shown. As in earned_metrics, on
-- held-out queries if something was learnt.
-- Where the gallery has distractors, recall, hit rate and precision go on to ten times as many items, and to K
-- times as many: further on, what decides is rarer than one in the gallery. That is an extrapolation, in rows with `extrapolated` and the protocol 'extrapolated'. It assumes that no further
-- item is relevant, and that further ones are like those of the gallery now; its intervals are of the
-- queries alone, and say nothing of whether that holds (see more_odds).
-- @extrapolated: Whether it is an extrapolation beyond the gallery; if not, the exact expectation.
select *, protocol = 'extrapolated' as extrapolated
from metrics_of('growth', null, null, held_out := true)
where protocol = 'expected' or (k is not null and value is not null)
order by run_id, measure, k, candidates
