-- The metrics on which claims are based: if a basis or quantiser was fitted in folds, on queries that it
-- was learnt without, for the whole gallery and for expected pools. leaderboard and the report show these.
select * from metrics_of('asked', null, null, held_out := true)
