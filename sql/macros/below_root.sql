-- The path of a file below the warehouse's root, as rows of the catalogue name it.
below_root(path) as substr(path, length(warehouse_root()) + 2)
