"""The report: from a warehouse to files that can be sent to a colleague."""
