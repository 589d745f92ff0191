-- The run whose id is, or begins with, what is given; an error if there is none or several.
find_run(given) as
    (
        select
            case count(*)
                when 1 then min(run_id)
                when 0 then error('no run has an id that begins with ''' || given || '''')::varchar
                else error(
                    count(*) || ' runs have ids that begin with ''' || given || ''''
                )::varchar
            end
        from runs
        where starts_with(run_id, given)
    )
