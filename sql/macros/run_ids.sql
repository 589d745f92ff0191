-- Whether a text begins with one of several prefixes; true if these are NULL.
create macro begins_with(given, beginnings) as
    (beginnings is null or len(list_filter(beginnings, lambda one: starts_with(given, one))) > 0);

-- True for the one run whose id is, or begins with, the given text; an error for none or several.
create macro one_run(found, given) as
    (
        case found
            when 1 then true
            when 0 then error('no run has an id that begins with ''' || given || '''')::boolean
            else error(found || ' runs have ids that begin with ''' || given || '''')::boolean
        end
    );

-- The run whose id is, or begins with, the given text; an error if there is none or several.
create macro find_run(given) as
    (select case when one_run(count(*), given) then min(run_id) end from runs where starts_with(run_id, given));
