"""`cmr bench`: what searching costs in time and memory; each stage has its own process."""
