"""Reading data sets: one small module per format."""
