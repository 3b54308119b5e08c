"""The comparisons with peers: what they are given, how large they are, and the commands' way to run them. What is compared
and how it is measured lives in `loadtests.benchmarks`."""
