"""What a data set is made of: one small module a format."""
