-- Impossible counts: more competitors, or more relevant items, than the gallery has.
select run_id, query_id, item_id, above, tied, relevants_above, relevants_tied, relevants, gallery
from ranks
where
    above < 0 or tied < 0 or relevants_above < 0 or relevants_tied < 0
    or above + tied > gallery - relevants
    or relevants_above + relevants_tied >= relevants
