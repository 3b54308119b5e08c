"""Load on a running scorer, and benchmarks that start what they measure."""
