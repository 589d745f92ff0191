-- The warehouse's location: a variable in cmr's own connections, a fixed path in an exported database.
create macro warehouse_root() as getvariable('cmr_root');

-- A table's files: those that cmr has checked, or, if none were selected, all in `folders`.
create macro files_of(name, folders) as
    coalesce(getvariable('cmr_' || name), [warehouse_root() || folders]);

-- Whether cmr knows that a table has no file but its anchor, so that reading it can be spared.
create macro only_the_anchor(name) as coalesce(len(getvariable('cmr_' || name)) = 1, false);

-- Whether every run's ranks number their cases, and no run returns lists: cmr's own connections know it. In an
-- exported database pairs are grouped, which gives the same figures.
create macro cases_are_known() as coalesce(getvariable('cmr_numbered'), false);

-- The path of a file below the warehouse's root, as rows of the catalogue name it.
create macro below_root(path) as substr(path, length(warehouse_root()) + 2);
