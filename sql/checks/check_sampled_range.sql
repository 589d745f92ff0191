-- Impossible counts in drawn pools: more competitors than in the pool, or than in the gallery.
select
    sampled_ranks.run_id, sampled_ranks.query_id, sampled_ranks.item_id,
    sampled_ranks.candidates, sampled_ranks.draw, sampled_ranks.above, sampled_ranks.tied
from sampled_ranks
left join ranks using (run_id, query_id, item_id)
where
    ranks.run_id is null
    or sampled_ranks.above < 0 or sampled_ranks.tied < 0
    or sampled_ranks.above + sampled_ranks.tied > sampled_ranks.candidates - sampled_ranks.relevants
    or sampled_ranks.above > ranks.above
    or sampled_ranks.tied > ranks.tied
