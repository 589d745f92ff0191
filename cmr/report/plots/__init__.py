"""The report's plots, by matplotlib, as they can go into a paper."""
