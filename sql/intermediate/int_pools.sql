-- The pools for which metrics has figures: every requested run, protocol and C. Earlier versions also
-- recorded sizes for commands that requested no pools: sizes that no pool can have are left out.
select distinct run_id, protocol, candidates from pools_of('asked', null, 1)
