-- Counts that cannot be: more competitors than the gallery has, or more relevant items.
select run_id, query_id, item_id, above, tied, relevants_above, relevants_tied, relevants, gallery
from ranks
where
    above < 0 or tied < 0 or relevants_above < 0 or relevants_tied < 0
    or above + tied > gallery - relevants
    or relevants_above + relevants_tied >= relevants
