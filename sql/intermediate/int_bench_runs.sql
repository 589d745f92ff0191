-- The runs that have the quality of what was measured: of the same vectors, direction and search. There may
-- be several, as of other judgments, or none.
select benched.bench_id, runs.run_id
from int_benched as benched
inner join runs
    on
        -- What was timed ranks captions.
        not runs.grouped
        and runs.text_set = benched.text_set
        and runs.visual_set = benched.visual_set
        and runs.direction = benched.direction
        and runs.scorer = benched.scorer
        and runs.scorer_options is not distinct from benched.scorer_options
        and runs.connectivity is not distinct from benched.connectivity
        and runs.expansion_add is not distinct from benched.expansion_add
        and runs.expansion_search is not distinct from benched.expansion_search
        and runs.rescore is not distinct from benched.rescore
        and runs.oversample is not distinct from benched.oversample
