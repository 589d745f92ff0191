"""`cmr bench`: what searching costs in time and memory, each stage in a process of its own."""
