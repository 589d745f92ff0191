-- metrics as claims rest on it: where a basis or quantiser was fitted in folds, of queries that it was
-- learnt without, for the whole gallery and for expected pools. leaderboard and the page show these.
select * from metrics_of('asked', null, null, held_out := true)
