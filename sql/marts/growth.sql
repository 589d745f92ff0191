-- Every measure of every run against the size of the gallery, from 10 items to the whole, by the exact
-- expectation over random galleries: what a smaller collection would have shown. As in earned_metrics, on
-- held-out queries if something was learnt. growth_beyond goes on where the gallery has distractors.
select * from metrics_of('growth', null, null, held_out := true)
order by run_id, measure, k, candidates
