"""The steps that the command line runs: ingest, derive, evaluate, demo."""
