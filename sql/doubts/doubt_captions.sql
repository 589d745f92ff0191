-- Data sets in which more than 1% of the captions also belong, word for word, to another visual: an
-- ambiguous query has no right answer.
-- @captions: Number of such texts.
-- @share: Their share of all texts.
-- @example: One of them.
-- @says: What is wrong, in plain words.
with
captions as (
    select items.dataset, items.item_id, trim(lower(items.text)) as caption, qrels.visual_id
    from items
    inner join qrels on qrels.dataset = items.dataset and qrels.text_id = items.item_id
    where items.modality = 'text' and items.text is not null and qrels.relevance > 0
),
shared as (
    select dataset, caption
    from captions
    group by dataset, caption
    having count(distinct visual_id) > 1 and count(distinct item_id) > 1
),
counted as (
    select captions.dataset, count(distinct captions.item_id) as captions, min(caption) as example
    from captions
    semi join shared using (dataset, caption)
    group by captions.dataset
),
final as (
    select
        counted.dataset, counted.captions, counted.captions / datasets.texts as share,
        counted.example,
        counted.captions || ' captions belong to more than one visual, such as '''
        || counted.example || ''': these queries cannot be answered with certainty' as says
    from counted
    inner join datasets using (dataset)
    where counted.captions > 0.01 * datasets.texts
)
select * from final
