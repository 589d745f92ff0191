"""From a warehouse to files that can be sent to a colleague."""
