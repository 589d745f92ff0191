-- True for the one run whose id is, or begins with, the given text; an error for none or several.
one_run(found, given) as
    (
        case found
            when 1 then true
            when 0 then error('no run has an id that begins with ''' || given || '''')::boolean
            else error(found || ' runs have ids that begin with ''' || given || '''')::boolean
        end
    )
