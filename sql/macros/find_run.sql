-- The run whose id is, or begins with, the given text; an error if there is none or several.
find_run(given) as
    (select case when one_run(count(*), given) then min(run_id) end from runs where starts_with(run_id, given))
