-- Where the warehouse lies; cmr's own connections say it by a variable, an exported database by its path.
warehouse_root() as getvariable('cmr_root')
