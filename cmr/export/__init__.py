"""Export: one small module per format that `cmr export` writes."""
