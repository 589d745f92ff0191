-- A table's files: those that cmr has checked, or, if none were selected, all in `folders`.
files_of(name, folders) as
    coalesce(getvariable('cmr_' || name), [warehouse_root() || folders])
