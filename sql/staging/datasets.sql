-- The data sets, one row each: what was ingested, and how much.
-- @text_distractors: How many of the texts, the last ones, are distractors: in the gallery, and never queries.
-- @visual_distractors: How many of the visuals are, likewise.
select
    * exclude (footers, row_checksum),
    coalesce(json_extract_string(settings, '$.distractors.text')::bigint, 0) as text_distractors,
    coalesce(json_extract_string(settings, '$.distractors.visual')::bigint, 0) as visual_distractors
from catalogue_datasets
