-- The distinct cases of int_expected_pairs: all that an expectation over pools depends on.
-- @m_all: Non-relevant gallery items, M.
-- @n: How many of them are drawn.
-- @offset_: Relevant items certainly before.
-- @m: Relevant items that share the score.
select distinct m_all, n, above, tied, offset_, m
from int_expected_pairs
where above is not null
