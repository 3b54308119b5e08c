"""The comparisons: what they are given and how large they are. How it is measured lives in
`loadtests.benchmarks`."""
