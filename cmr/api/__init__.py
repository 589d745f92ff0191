"""What the command line and Python share: one warehouse, and everything it can be asked."""
