-- Judgments of texts or visuals that are not in the data set.
with
texts as (
    select dataset, item_id as text_id from items where modality = 'text'
),
visuals as (
    select dataset, item_id as visual_id from items where modality = 'visual'
),
final as (
    select dataset, text_id, visual_id from qrels anti join texts using (dataset, text_id)
    union
    select dataset, text_id, visual_id from qrels anti join visuals using (dataset, visual_id)
)
select * from final
