-- The warehouse's location: a variable in cmr's own connections, a fixed path in an exported database.
warehouse_root() as getvariable('cmr_root')
