-- What a gallery vector takes for a run's search, counted alike for all, timed or not: what has to be kept
-- to search again, over the number of vectors. Of exact searches the codes, their scales and what was learnt
-- with them (centre, ranges, codebook); of indexes all that they write. A second stage's vectors are added.
-- @stored_bytes: Bytes a vector.
select
    runs.run_id,
    case
        when runs.index_bytes is not null
            then runs.index_bytes / runs.gallery + coalesce(runs.rescore_bytes, 0)
        else
            runs.vector_bytes + scale_bytes(runs.precision, sets.range_low)
            + 4 * (
                coalesce(len(sets.centre), 0) + 2 * coalesce(len(sets.range_low), 0)
                + case when starts_with(runs.precision, 'pq') then runs.dim * (runs.dim + 256) else 0 end
            ) / runs.gallery
    end + coalesce(scale_bytes(runs.rescore, null), 0) as stored_bytes
from runs
left join embedding_sets as sets
    on sets.set_id = case runs.direction when 't2v' then runs.visual_set else runs.text_set end
