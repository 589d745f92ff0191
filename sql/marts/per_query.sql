-- Every measure of every single query, under each run, protocol, C, draw and K.
-- @value: The query's measure, expected over the order inside ties; NULL where a list does not
-- tell it.
select * exclude (cluster, better) from values_of('asked')
