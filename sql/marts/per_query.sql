-- Every measure of every single query, under each run, protocol, C, draw and K. Of ranks as they are, as
-- metrics: fit of runs says which were learnt from what they are of.
-- @value: The query's measure, expected over the order inside ties; NULL where a list does not
-- tell it.
select * exclude (cluster, better) from values_of('asked')
