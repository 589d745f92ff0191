"""What the command line and Python share: one warehouse, and everything that one asks of it."""
