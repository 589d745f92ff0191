-- Runs that find hardly more than a random ranking. Are these the vectors of these items, in this
-- order? Were the pictures really loaded? Does the ground truth map by its inverse?
-- @says: What is wrong, in plain words.
select
    run_id, dataset, model, direction, dim, precision, protocol, candidates, value, chance,
    'recall@10 is ' || round(value, 4) || ', a random ranking expects ' || round(chance, 4)
    || ': the vectors do not belong to the items, the ground truth is mapped by its inverse, '
    || 'the gallery is in another order, or the model knows nothing of such data' as says
from metrics
where
    measure = 'recall' and k = 10 and chance < 0.3
    and (value < 1.5 * chance or chance between ci_low and ci_high)
order by run_id, protocol, candidates
