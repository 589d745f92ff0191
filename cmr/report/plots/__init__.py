"""The report's plots, drawn with matplotlib, ready for a paper."""
