"""The tables: their schemas, where they lie, the only writer, and the catalogue."""
