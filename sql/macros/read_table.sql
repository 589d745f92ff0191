-- The rows of a table's files, with the name of each row's file below the root: those files that cmr has
-- checked, or where nobody has chosen any, all in `folders`. Folders' names are columns, as text.
-- @file: The file's path below the warehouse's root.
read_table(name, folders) as table
select found.* exclude (filename), substr(filename, length(warehouse_root()) + 2) as file
from read_parquet(
    coalesce(getvariable('cmr_' || name), [warehouse_root() || folders]),
    hive_partitioning = true, hive_types_autocast = false, union_by_name = true, filename = true
) as found
