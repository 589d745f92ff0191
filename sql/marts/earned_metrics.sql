-- metrics as claims rest on it: where a basis or quantiser was fitted in folds, of queries that it was
-- learnt without, for the whole gallery and for expected pools. leaderboard and the page show these.
-- @fit: What the figures were learnt from: none, held out, cross-fitted, or in-sample: what they are of.
select * from metrics_of('asked', null, null, held_out := true)
