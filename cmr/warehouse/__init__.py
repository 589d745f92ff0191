"""The tables: their schemas, where they are stored, the only writer, and the catalogue."""
