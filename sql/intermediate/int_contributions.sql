-- The contributions of int_fixed, under every protocol, one row a pair and K.
-- @cluster: The visual item that the query's errors are clustered by.
-- @weight: 1 / relevants, so that a query's pairs weigh 1 together.
-- @recall: Part of recall@K.
-- @hit_rate: Part of hit_rate@K.
-- @mrr: Part of the reciprocal rank of the first relevant item.
-- @mrr_at: Part of mrr@K.
-- @ndcg: Part of NDCG@K with gain = relevance.
-- @ndcg_exp: Part of NDCG@K with gain = 2^relevance - 1.
-- @precision: Part of precision@K.
-- @gain: Gain / the ideal DCG at K.
-- @gain_exp: The same with the exponential gain.
select * from int_fixed
union all
select * from int_expected
