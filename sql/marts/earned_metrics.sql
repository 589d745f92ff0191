-- The metrics on which claims are based: if a basis or quantiser was fitted in folds, on queries that it
-- was learnt without, for the whole gallery and for expected pools. leaderboard and the report show these.
-- ann_recall is the exception: beside cross-fitted measures, too, it is of the index that learnt from the
-- whole gallery, as a service would search it.
select * from metrics_of('asked', null, null, held_out := true)
