-- The number of the visual item that each query's errors are clustered by; see int_clusters.
-- @cluster: Ordinal of a visual.
select
    int_clusters.dataset, int_clusters.qrels, int_clusters.direction, int_clusters.query_id,
    items.ordinal as cluster
from int_clusters
inner join items
    on
        items.dataset = int_clusters.dataset
        and items.modality = 'visual'
        and items.item_id = int_clusters.cluster
