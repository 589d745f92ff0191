-- ann_recall of every run that returns lists, with the sums that clustered errors need: see int_sums.
-- @clusters: Number of visual items that have a query.
-- @weight: Number of queries.
-- @nn: Σ n², n the number of queries of a cluster.
-- @total: Σ s, s the sum of a cluster's values.
-- @squared: Σ s².
-- @product: Σ n s.
with
by_cluster as (
    select
        int_agreement.run_id, int_agreement.gallery, int_agreement.k, int_clusters.cluster,
        count(*) as n, sum(int_agreement.agreed) as s
    from int_agreement
    inner join int_clusters using (dataset, qrels, direction, query_id)
    group by all
),
final as (
    select
        run_id, 'full' as protocol, gallery as candidates, k, 'ann_recall' as measure,
        count(*) as clusters,
        sum(n) as weight,
        sum(n * n) as nn,
        sum(s) as total,
        sum(s * s) as squared,
        sum(n * s) as product,
        least(k, gallery) / gallery as chance
    from by_cluster
    group by run_id, gallery, k
)
select * from final
