-- Attributes of texts and visuals, a row for each value: those that the source gave, and those that are
-- counted here. Counted of texts: caption_words; word_rarity, the mean over a caption's different words of
-- ln(texts / texts with the word); caption_copies, how many other texts have the same words. Of visuals:
-- aspect_ratio, width / height; duration in seconds; visual_copies, how many others have the same bytes;
-- captions, how many texts are judged relevant. A word is a run of letters and digits, in lower case.
-- @name: The attribute. What the source gave goes before what is counted under the same name.
-- @value: A value of it, as text; an item may have several.
-- @number: The value as a number; NULL if it is none.
-- @counted: Whether it was counted here, not given by the source.
with
given as (
    select
        dataset, modality, item_id, name, value,
        case when isfinite(try_cast(value as double)) then try_cast(value as double) end as number,
        false as counted
    from attributes
),
texts as (
    select dataset, item_id, words_in(text) as words
    from items
    where modality = 'text' and text is not null
),
words as (
    select dataset, item_id, unnest(list_distinct(words)) as word from texts
),
rarities as (
    select words.dataset, words.item_id, avg(ln(known.texts / known.with_it)) as rarity
    from words
    inner join (
        select
            found.dataset, found.word, count(*) as with_it,
            any_value(sizes.texts) as texts
        from words as found
        inner join (select dataset, count(*) as texts from texts group by dataset) as sizes using (dataset)
        group by found.dataset, found.word
    ) as known using (dataset, word)
    group by words.dataset, words.item_id
),
judged as (
    select dataset, visual_id, count(*) as texts from qrels where relevance > 0 group by dataset, visual_id
),
made as (
    select dataset, 'text' as modality, item_id, 'caption_words' as name, len(words)::double as number
    from texts
    union all
    select dataset, 'text', item_id, 'word_rarity', rarity from rarities
    union all
    select dataset, 'text', item_id, 'caption_copies', count(*) over (partition by dataset, words) - 1
    from texts
    union all
    select dataset, 'visual', item_id, 'visual_copies', count(*) over (partition by dataset, content_hash) - 1
    from items
    where modality = 'visual' and content_hash is not null
    union all
    select dataset, 'visual', item_id, 'aspect_ratio', width / height
    from items
    where modality = 'visual' and width > 0 and height > 0
    union all
    select dataset, 'visual', item_id, 'duration', duration from items where duration is not null
    union all
    select dataset, 'visual', visual_id, 'captions', texts from judged
),
final as (
    select * from given
    union all
    select made.dataset, made.modality, made.item_id, made.name, number_name(made.number), made.number, true
    from made
    anti join given
        on
            given.dataset = made.dataset
            and given.modality = made.modality
            and given.name = made.name
)
select * from final
