"""Search engines and libraries that people deploy, each behind the protocol of an index."""
