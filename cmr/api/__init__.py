"""What the command line and Python share: one warehouse, and every question it can answer."""
