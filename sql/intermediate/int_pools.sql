-- Which pools metrics has figures of: every run, protocol and C that was asked for. Earlier versions
-- recorded the sizes of commands that asked for no pools, too: those that no pool can have are left out.
select distinct run_id, protocol, candidates from pools_of('asked', null, 1)
